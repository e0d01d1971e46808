using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Serving.Client;

/// <summary>A server's answer to an observation.</summary>
/// <param name="Actions">The action chunk, row-major [H, A].</param>
/// <param name="Horizon">H.</param>
/// <param name="Width">A.</param>
/// <param name="PolicyMilliseconds">Time inside the policy, as the server says; NaN where it does not.</param>
/// <param name="ServerMilliseconds">Time inside the server, as it says; NaN where it does not.</param>
/// <param name="RoundTrip">From the call to the decoded answer, measured here.</param>
/// <param name="Map">The whole answer.</param>
public sealed record OpenPiReply(
    float[] Actions, int Horizon, int Width, double PolicyMilliseconds, double ServerMilliseconds, TimeSpan RoundTrip, MsgPackMap Map);
