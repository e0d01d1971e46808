namespace Engine.Host.Realtime;

/// <summary>The control tick's library refused; the message is its own.</summary>
public sealed class RealtimeException(RealtimeStatus status, string message) : Exception(message)
{
    /// <summary>The kind of refusal.</summary>
    public RealtimeStatus Status => status;
}
