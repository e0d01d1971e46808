using System.Net.WebSockets;

namespace Engine.Host.Serving.OpenPi;

/// <summary>A WebSocket that Kestrel has accepted: under TLS, or after a request of an uncommon form.</summary>
internal sealed class KestrelChannel(WebSocket socket, ServeOptions options) : MessageChannel
{
    private readonly MessageBuffer _buffer = new(options.MaxMessageBytes);

    internal override ReadOnlyMemory<byte> Message => _buffer.Message;

    internal override bool Blocks => false;

    internal override async ValueTask<WebSocketMessageType> ReceiveAsync()
    {
        var kind = await _buffer.ReceiveAsync(socket, options.MessageTimeout).ConfigureAwait(false);
        if (kind == WebSocketMessageType.Close && socket.State == WebSocketState.CloseReceived)
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).ConfigureAwait(false);
        return kind;
    }

    internal override ValueTask SendAsync(ReadOnlyMemory<byte> message, WebSocketMessageType kind, CancellationToken cancellation) =>
        socket.SendAsync(message, kind, true, cancellation);

    internal override Task CloseAsync(WebSocketCloseStatus status, string reason, CancellationToken cancellation) =>
        socket.State is WebSocketState.Open or WebSocketState.CloseReceived ? socket.CloseOutputAsync(status, reason, cancellation) : Task.CompletedTask;

    internal override async Task DrainAsync(CancellationToken cancellation)
    {
        byte[] rest = new byte[4096];
        while (socket.State == WebSocketState.CloseSent)
        {
            if ((await socket.ReceiveAsync(rest.AsMemory(), cancellation).ConfigureAwait(false)).MessageType == WebSocketMessageType.Close) break;
        }
    }

    internal override void Abort() => socket.Abort();

    public override void Dispose()
    {
        _buffer.Dispose();
        socket.Dispose();
    }
}
