namespace Engine.Host.Serving.MsgPack;

/// <summary>A message is not what its format allows; the text says what and where.</summary>
public sealed class MsgPackException(string message) : FormatException(message);
