using Engine.Client;

namespace Engine.Host.Serving.Pipes;

/// <summary>A frame is refused; the text is meant for the client.</summary>
internal sealed class PipeFaultException(PipeErrorCode code, string message, bool closes = false) : Exception(message)
{
    internal PipeErrorCode Code => code;

    /// <summary>Whether the connection cannot go on.</summary>
    internal bool Closes => closes;
}
