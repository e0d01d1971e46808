using System.Buffers;
using System.Net.Sockets;
using System.Net.WebSockets;

namespace Engine.Host.Serving.OpenPi;

/// <summary>The beginning of a client's next message, received while the one before it is answered. Messages in fragments, and what is none, are left for later.</summary>
internal sealed class MessageAhead : IDisposable
{
    private readonly Socket _socket;
    private readonly int _maxBytes;

    /// <param name="socket">Where it comes from.</param>
    /// <param name="maxBytes">Largest message.</param>
    /// <param name="begun">What was received of it with the message before.</param>
    /// <param name="room">Bytes to make room for at first, those begun included.</param>
    internal MessageAhead(Socket socket, int maxBytes, ReadOnlySpan<byte> begun, int room)
    {
        _socket = socket;
        _maxBytes = maxBytes;
        Bytes = ArrayPool<byte>.Shared.Rent(room);
        begun.CopyTo(Bytes);
        Length = begun.Length;
    }

    /// <summary>Frames from the first on; whoever takes them gives the array back.</summary>
    internal byte[] Bytes { get; private set; }

    /// <summary>How many bytes there are.</summary>
    internal int Length { get; private set; }

    /// <summary>Whether more may be found.</summary>
    internal bool GoesOn { get; private set; } = true;

    /// <summary>The message, once it is whole; an empty one before.</summary>
    /// <param name="readable">Receive once: the socket has something, or has ended.</param>
    internal ReadOnlyMemory<byte> Look(bool readable)
    {
        FrameHeader header = default;
        try
        {
            bool begun = FrameHeader.TryRead(Bytes.AsSpan(0, Length), out header);
            if (readable)
            {
                Receive(begun ? Whole() : FrameHeader.MaxSize);
                begun = FrameHeader.TryRead(Bytes.AsSpan(0, Length), out header);
            }

            if (!begun) return default;
        }
        catch (WebSocketException)
        {
            GoesOn = false;
            return default;
        }

        if (header is not { Kind: FrameKind.Binary, Final: true } || header.Length > _maxBytes)
        {
            GoesOn = false;
            return default;
        }

        if (Length < Whole()) return default;

        // Taken off here, the mask is none from now on.
        GoesOn = false;
        var message = Bytes.AsMemory(header.Size, (int)header.Length);
        FrameMask.Apply(message.Span, header.Mask);
        Bytes.AsSpan(header.Size - sizeof(uint), sizeof(uint)).Clear();
        return message;

        int Whole() => header.Size + (int)Math.Min(header.Length, _maxBytes);
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(Bytes);

    private void Receive(int most)
    {
        if (Length == Bytes.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * Length, most));
            Bytes.AsSpan(0, Length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(Bytes);
            Bytes = larger;
        }

        try
        {
            int received = _socket.Receive(Bytes.AsSpan(Length, Math.Min(most, Bytes.Length) - Length), SocketFlags.None, out var error);

            // Whatever it is, whoever receives or sends next sees it again.
            GoesOn = error == SocketError.Success && received > 0;
            Length += received;
        }
        catch (ObjectDisposedException)
        {
            GoesOn = false;
        }
    }
}
