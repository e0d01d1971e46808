namespace Engine.Host.Serving.OpenPi;

/// <summary>A message is larger than is accepted.</summary>
internal sealed class MessageTooBigException(string message) : Exception(message);
