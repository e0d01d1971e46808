namespace Engine.Host.Serving;

/// <summary>An observation does not fit the policy's contract; the text is meant for the client and says what was expected.</summary>
public sealed class ObservationException(string message) : Exception(message);
