namespace Engine.Client;

/// <summary>The server refused; the message is its own.</summary>
public sealed class PipeServerException(PipeErrorCode code, string message) : Exception(message)
{
    /// <summary>The kind of refusal.</summary>
    public PipeErrorCode Code => code;
}
