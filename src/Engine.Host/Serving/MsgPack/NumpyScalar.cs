namespace Engine.Host.Serving.MsgPack;

/// <summary>A numpy scalar: on the wire a plain value with the element type it had.</summary>
/// <param name="Dtype">Its type.</param>
/// <param name="Value">bool, long, ulong or double.</param>
public sealed record NumpyScalar(NumpyDtype Dtype, object Value);
