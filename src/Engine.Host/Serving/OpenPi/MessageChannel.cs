using System.Net.WebSockets;

namespace Engine.Host.Serving.OpenPi;

/// <summary>
/// A client's WebSocket by whole messages. One thread receives and sends; <see cref="CloseAsync"/> and <see cref="Abort"/> may come from another while
/// that one receives. Where a call <see cref="Blocks"/>, it throws before it returns, too.
/// </summary>
internal abstract class MessageChannel : IDisposable
{
    /// <summary>The message that was received last; valid until the next is received.</summary>
    internal abstract ReadOnlyMemory<byte> Message { get; }

    /// <summary>Whether a call ends before it returns: the thread that calls is the client's own.</summary>
    internal abstract bool Blocks { get; }

    /// <summary>Receives a message. Waits for its first byte without limit, then so long as a message may take. A close is answered.</summary>
    /// <exception cref="MessageTooBigException">It exceeds the cap, or is a flood of empty fragments.</exception>
    /// <exception cref="OperationCanceledException">It took too long.</exception>
    /// <exception cref="WebSocketException">The client is gone, or breaks the framing.</exception>
    internal abstract ValueTask<WebSocketMessageType> ReceiveAsync();

    /// <summary>Sends a message.</summary>
    /// <exception cref="WebSocketException">The client is gone.</exception>
    internal abstract ValueTask SendAsync(ReadOnlyMemory<byte> message, WebSocketMessageType kind, CancellationToken cancellation);

    /// <summary>Says goodbye, once; the client's answer may still come.</summary>
    /// <exception cref="WebSocketException">The client is gone.</exception>
    internal abstract Task CloseAsync(WebSocketCloseStatus status, string reason, CancellationToken cancellation);

    /// <summary>After <see cref="CloseAsync"/>: throws away what still comes, until the client's goodbye.</summary>
    /// <exception cref="OperationCanceledException">It did not come in time.</exception>
    /// <exception cref="WebSocketException">The client is gone.</exception>
    internal abstract Task DrainAsync(CancellationToken cancellation);

    /// <summary>Cuts the connection.</summary>
    internal abstract void Abort();

    public abstract void Dispose();
}
