namespace Engine.Host.Serving.Groot;

/// <summary>A peer does not speak ZMTP as a REQ socket does; the connection ends.</summary>
internal sealed class ZmtpException(string message) : Exception(message);
