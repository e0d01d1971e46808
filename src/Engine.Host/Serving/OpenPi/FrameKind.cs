namespace Engine.Host.Serving.OpenPi;

/// <summary>What a WebSocket frame is (RFC 6455, 11.8).</summary>
internal enum FrameKind
{
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}
