using System.Buffers;
using System.Net.WebSockets;

namespace Engine.Host.Serving.OpenPi;

/// <summary>Receives whole WebSocket messages into one reused buffer that grows up to a cap.</summary>
internal sealed class MessageBuffer(int maxBytes) : IDisposable
{
    private const int FirstSize = 64 << 10, MaxEmptyFragments = 1024;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(Math.Min(FirstSize, maxBytes));

    private CancellationTokenSource _limit = new();

    /// <summary>The message that was received last; valid until the next is received.</summary>
    internal ReadOnlyMemory<byte> Message { get; private set; }

    /// <summary>
    /// Receives a message. Waits for its first byte without limit, then at most <paramref name="timeout"/>.
    /// </summary>
    /// <exception cref="MessageTooBigException">It exceeds the cap, or is a flood of empty fragments.</exception>
    /// <exception cref="OperationCanceledException">It took too long.</exception>
    internal async ValueTask<WebSocketMessageType> ReceiveAsync(WebSocket socket, TimeSpan timeout)
    {
        try
        {
            int length = 0, empty = 0;
            bool limited = false;
            while (true)
            {
                if (length == _bytes.Length) Grow();
                var part = await socket.ReceiveAsync(_bytes.AsMemory(length), limited ? _limit.Token : CancellationToken.None).ConfigureAwait(false);
                length += part.Count;
                if (length > maxBytes) throw new MessageTooBigException($"a message may have at most {maxBytes} bytes");
                if (part.EndOfMessage || part.MessageType == WebSocketMessageType.Close)
                {
                    Message = _bytes.AsMemory(0, length);
                    return part.MessageType;
                }

                if (part.Count == 0 && ++empty > MaxEmptyFragments) throw new MessageTooBigException("the message consists of empty fragments");
                if (!limited) _limit.CancelAfter(timeout);
                limited = true;
            }
        }
        finally
        {
            if (!_limit.TryReset())
            {
                _limit.Dispose();
                _limit = new CancellationTokenSource();
            }
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        _limit.Dispose();
    }

    private void Grow()
    {
        // One byte beyond the cap is read, so that a message of exactly the cap passes and a longer one is seen to be longer.
        if (_bytes.Length > maxBytes) throw new MessageTooBigException($"a message may have at most {maxBytes} bytes");
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * _bytes.Length, maxBytes + 1L));
        _bytes.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }
}
