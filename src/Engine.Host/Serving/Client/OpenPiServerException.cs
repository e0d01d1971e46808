namespace Engine.Host.Serving.Client;

/// <summary>The server refused a request; the text is the server's.</summary>
public sealed class OpenPiServerException(string message) : IOException(message);
