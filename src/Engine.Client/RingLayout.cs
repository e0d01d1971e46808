using System.Buffers.Binary;

namespace Engine.Client;

/// <summary>
/// Where everything stands in a ring's memory. Byte 0: magic <c>ENGR</c>, version u32, bytes in all, slots, offset of the request headers, of the reply headers,
/// of the arena for observations, bytes of it, offset of the replies' payloads, bytes of one of those (u32 each). 64: requests published u32 (a futex);
/// 128: the server sleeps u32; 192: replies published u32 (a futex); 256: the client sleeps u32. Then the headers, 64 bytes a slot.
/// </summary>
internal readonly record struct RingLayout(uint Bytes, uint ArenaBytes, uint ReplyOffset, uint ReplyBytes)
{
    internal const int RequestHead = 64, ServerSleeps = 128, ReplyHead = 192, ClientSleeps = 256;
    internal const int RequestHeaders = 512, ReplyHeaders = 1024, Arena = 4096;
    internal const uint Slots = 8;

    /// <summary>Longest error text (bytes).</summary>
    internal const int MaxErrorBytes = 1024;

    private const uint Magic = 0x52474E45, Version = 1;
    private const int Records = 2;

    /// <summary>Room for two observations (one may be written while the other is read) and a reply for every slot.</summary>
    /// <exception cref="ArgumentException">They do not fit 2 GiB.</exception>
    internal static RingLayout For(PipeLayout layout)
    {
        long arena = Records * PipeLayout.Align(layout.ObservationBytes);
        long reply = PipeLayout.Align(Math.Max(layout.ActionsBytes, MaxErrorBytes));
        long bytes = (Arena + arena + Slots * reply + 4095) & ~4095L;
        if (bytes > int.MaxValue) throw new ArgumentException("the ring exceeds 2 GiB.", nameof(layout));
        return new RingLayout((uint)bytes, (uint)arena, (uint)(Arena + arena), (uint)reply);
    }

    internal void Write(Span<byte> memory)
    {
        ReadOnlySpan<uint> head = [Magic, Version, Bytes, Slots, RequestHeaders, ReplyHeaders, Arena, ArenaBytes, ReplyOffset, ReplyBytes];
        for (int i = 0; i < head.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(memory[(4 * i)..], head[i]);
    }

    /// <summary>Whether an observation of some length may begin at an offset.</summary>
    internal bool Holds(uint offset, uint length) =>
        offset % 64 == 0 && offset >= Arena && length <= ArenaBytes && offset - Arena <= ArenaBytes - length;
}
