using System.Buffers.Binary;
using System.Net.WebSockets;

namespace Engine.Host.Serving.OpenPi;

/// <summary>The head of a WebSocket frame that a client sends (RFC 6455, 5.2): 6 to 14 bytes, then <see cref="Length"/> bytes of payload under a mask.</summary>
internal readonly record struct FrameHeader(FrameKind Kind, bool Final, long Length, uint Mask, int Size)
{
    /// <summary>The largest head (bytes).</summary>
    internal const int MaxSize = 14;

    private const int MaxControlBytes = 125, Length16 = 126, Length64 = 127, MaskSize = 4;

    /// <summary>Ping, pong or close: never fragmented, and allowed between the fragments of a message.</summary>
    internal bool IsControl => Kind >= FrameKind.Close;

    /// <summary>Reads a head from the first bytes of a frame; false where more of them are needed.</summary>
    /// <exception cref="WebSocketException">No client may send this.</exception>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, out FrameHeader header)
    {
        header = default;
        if (bytes.Length < 2) return false;
        if ((bytes[0] & 0x70) != 0) throw Fault("a frame has a reserved bit set");
        var kind = (FrameKind)(bytes[0] & 0x0F);
        if (kind is not (<= FrameKind.Binary or FrameKind.Close or FrameKind.Ping or FrameKind.Pong)) throw Fault($"a frame has the reserved kind {(int)kind}");
        if ((bytes[1] & 0x80) == 0) throw Fault("a client's frame has no mask");
        bool final = (bytes[0] & 0x80) != 0;
        int code = bytes[1] & 0x7F, size = 2 + (code == Length16 ? 2 : code == Length64 ? 8 : 0) + MaskSize;
        if (kind >= FrameKind.Close && (!final || code > MaxControlBytes)) throw Fault("a control frame is fragmented, or longer than 125 bytes");
        if (bytes.Length < size) return false;
        long length = code switch
        {
            Length16 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            Length64 => BinaryPrimitives.ReadInt64BigEndian(bytes[2..]),
            _ => code,
        };
        if (length < 0) throw Fault("a frame's length has its highest bit set");
        header = new FrameHeader(kind, final, length, BinaryPrimitives.ReadUInt32LittleEndian(bytes[(size - MaskSize)..]), size);
        return true;
    }

    private static WebSocketException Fault(string message) => new(WebSocketError.Faulted, message);
}
