using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Engine.Host.Serving.OpenPi;
using Engine.Kernels.Ops.Philox;

namespace Engine.Host.Tests.Serving;

/// <summary>The framing against .NET's own WebSocket as the client, and against bytes that no such client sends.</summary>
public sealed class SocketChannelTests
{
    private const int Cap = 1 << 20;
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65535)]
    [InlineData(65536)]
    [InlineData(301_056)]
    [InlineData(Cap)]
    public async Task Messages_of_every_size_arrive_and_leave_whole(int size)
    {
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, Cap, s_long);
        using var web = WebSocket.CreateFromStream(client, new WebSocketCreationOptions { IsServer = false });
        byte[] message = Noise(size), back = new byte[size + 1];
        for (int round = 0; round < 3; round++)
        {
            var sending = web.SendAsync(message.AsMemory(), WebSocketMessageType.Binary, true, default);
            Assert.Equal(WebSocketMessageType.Binary, await channel.ReceiveAsync());
            await sending;
            Assert.True(channel.Message.Span.SequenceEqual(message));
            var answering = Task.Run(async () => await channel.SendAsync(message, WebSocketMessageType.Binary, default));
            int length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await web.ReceiveAsync(back.AsMemory(length), default);
                length += part.Count;
            }
            while (!part.EndOfMessage);
            await answering;
            Assert.Equal(WebSocketMessageType.Binary, part.MessageType);
            Assert.True(back.AsSpan(0, length).SequenceEqual(message));
        }
    }

    [Fact]
    public async Task Fragments_with_pings_between_them_in_pieces_of_every_size_are_one_message_each()
    {
        var random = new PhiloxRandom(new PhiloxKey(1, 2, 3, 4));
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, Cap, s_long);
        var messages = new List<byte[]>();
        using var bytes = new MemoryStream();
        int pings = 0;
        for (int m = 0; m < 40; m++)
        {
            byte[] message = Noise(random.NextInt(4) == 0 ? random.NextInt(200_000) : random.NextInt(300));
            messages.Add(message);
            int at = 0, part = 0;
            bool final;
            do
            {
                // The last piece is final, or an empty one comes after it.
                int count = Math.Min(message.Length - at, 1 + random.NextInt(60_000));
                final = at + count == message.Length && (count == 0 || random.NextInt(2) == 0);
                bytes.Write(Frame(part++ == 0 ? FrameKind.Binary : FrameKind.Continuation, final, message.AsSpan(at, count), random.NextWord()));
                at += count;
                for (int more = random.NextInt(3); more > 0; more--, pings++) bytes.Write(Frame(random.NextInt(2) == 0 ? FrameKind.Ping : FrameKind.Pong, true, Noise(random.NextInt(126)), random.NextWord()));
            }
            while (!final);
        }

        byte[] all = bytes.ToArray();
        var sending = Task.Run(() =>
        {
            for (int at = 0; at < all.Length;)
            {
                int count = Math.Min(all.Length - at, 1 + random.NextInt(90_000));
                client.Write(all.AsSpan(at, count));
                at += count;
            }
        });
        var answers = Task.Run(() => client.CopyTo(Stream.Null));
        foreach (byte[] message in messages)
        {
            Assert.Equal(WebSocketMessageType.Binary, await channel.ReceiveAsync());
            Assert.True(channel.Message.Span.SequenceEqual(message));
        }

        await sending;
        Assert.True(pings > 10);
        channel.Abort();
        await answers.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task A_ping_is_answered_with_its_own_bytes_and_a_close_with_its_own_code()
    {
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, Cap, s_long);
        client.Write(Frame(FrameKind.Ping, true, "are you there"u8, 77));
        client.Write(Frame(FrameKind.Close, true, [0x03, 0xE9, (byte)'b', (byte)'y', (byte)'e'], 78));
        Assert.Equal(WebSocketMessageType.Close, await channel.ReceiveAsync());
        byte[] answer = new byte[2 + 13 + 4];
        await client.ReadExactlyAsync(answer);
        Assert.Equal([0x8A, 13, .. "are you there"u8, 0x88, 2, 0x03, 0xE9], answer);
    }

    [Theory]
    [InlineData("82 01 00", "mask")]
    [InlineData("C2 81 00000000 00", "reserved bit")]
    [InlineData("83 81 00000000 00", "reserved kind")]
    [InlineData("89 FE 0080 00000000", "control frame")]
    [InlineData("09 80 00000000", "control frame")]
    [InlineData("80 80 00000000", "without its beginning")]
    [InlineData("02 81 00000000 00 82 81 00000000 00", "within another")]
    [InlineData("82 FF 8000000000000000 00000000", "highest bit")]
    public async Task A_client_that_breaks_the_framing_is_told_so_and_left(string hex, string why)
    {
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, Cap, s_long);
        client.Write(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
        var error = await Assert.ThrowsAsync<WebSocketException>(async () => await channel.ReceiveAsync());
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        byte[] answer = new byte[4];
        await client.ReadExactlyAsync(answer);
        Assert.Equal((0x88, 1002), (answer[0], BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(2))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_message_beyond_the_cap_is_refused_before_it_is_received_and_the_goodbye_after_it_is_found(int fragments)
    {
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, 1000, s_long);
        byte[] part = Noise(1001 / fragments + 1);
        var sending = Task.Run(() =>
        {
            for (int i = 0; i < fragments; i++) client.Write(Frame(i == 0 ? FrameKind.Binary : FrameKind.Continuation, i == fragments - 1, part, 5));
            client.Write(Frame(FrameKind.Binary, true, Noise(100_000), 6));
            client.Write(Frame(FrameKind.Close, true, [], 7));
        });
        await Assert.ThrowsAsync<MessageTooBigException>(async () => await channel.ReceiveAsync());
        await channel.CloseAsync(WebSocketCloseStatus.MessageTooBig, "too big", default);
        await channel.DrainAsync(default).WaitAsync(s_long);
        await sending;
    }

    [Fact]
    public async Task Memory_is_not_taken_on_a_length_s_word()
    {
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, int.MaxValue, TimeSpan.FromMilliseconds(200));
        client.Write(Frame(FrameKind.Binary, true, [], 1).AsSpan(0, 1));
        client.Write(Convert.FromHexString("FF" + "000000007FFFFFF0" + "00000000"));
        client.Write(new byte[100_000]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await channel.ReceiveAsync());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public async Task A_message_that_drips_in_is_given_up_and_a_client_that_only_waits_is_not()
    {
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, Cap, TimeSpan.FromMilliseconds(200));
        var late = Task.Run(async () =>
        {
            await Task.Delay(500);
            client.Write(Frame(FrameKind.Ping, true, [], 9));
            await Task.Delay(500);
            client.Write(Frame(FrameKind.Binary, true, [1, 2], 9));
        });
        Assert.Equal(WebSocketMessageType.Binary, await channel.ReceiveAsync());
        await late;
        byte[] frame = Frame(FrameKind.Binary, true, Noise(100), 9);
        var dripping = Task.Run(async () =>
        {
            try
            {
                foreach (byte one in frame)
                {
                    client.WriteByte(one);
                    await Task.Delay(20);
                }
            }
            catch (IOException)
            {
                // Given up.
            }
        });
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await channel.ReceiveAsync());
        channel.Abort();
        await dripping;
    }

    [Fact]
    public async Task Whoever_aborts_ends_a_call_that_waits()
    {
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, Cap, s_long);
        using (client)
        {
            var waiting = Task.Run(async () => await channel.ReceiveAsync());
            await Task.Delay(50);
            channel.Abort();
            await Assert.ThrowsAsync<WebSocketException>(() => waiting.WaitAsync(s_long));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20_000)]
    [InlineData(300_000)]
    public async Task The_next_message_is_seen_while_one_is_answered_and_received_again_after_it(int piece)
    {
        var (server, client) = Pair();
        using var channel = new SocketChannel(server, Cap, s_long);
        byte[] first = Noise(200_000), second = Noise(piece == 1 ? 300 : 250_000), third = Noise(77);
        byte[] all = [.. Frame(FrameKind.Binary, true, first, 11), .. Frame(FrameKind.Binary, true, second, 12), .. Frame(FrameKind.Text, false, third, 13), .. Frame(FrameKind.Continuation, true, third, 14)];
        int early = all.Length - second.Length - 150;
        client.Write(all.AsSpan(0, early));
        Assert.Equal(WebSocketMessageType.Binary, await channel.ReceiveAsync());
        var rest = Task.Run(() =>
        {
            for (int at = early; at < all.Length; at += piece) client.Write(all.AsSpan(at, Math.Min(piece, all.Length - at)));
        });
        ReadOnlyMemory<byte> ahead = default;
        while (ahead.IsEmpty && channel.CanLookAhead) ahead = channel.LookAhead(server.Poll(100_000, SelectMode.SelectRead));
        Assert.True(ahead.Span.SequenceEqual(second));
        Assert.True(channel.Message.Span.SequenceEqual(first));
        Assert.False(channel.CanLookAhead);
        Assert.Equal(WebSocketMessageType.Binary, await channel.ReceiveAsync());
        Assert.True(channel.Message.Span.SequenceEqual(second));
        await rest;

        // A message in fragments is left to be received.
        while (channel.CanLookAhead) Assert.True(channel.LookAhead(server.Poll(100_000, SelectMode.SelectRead)).IsEmpty);
        Assert.Equal(WebSocketMessageType.Text, await channel.ReceiveAsync());
        Assert.True(channel.Message.Span.SequenceEqual([.. third, .. third]));
        client.Dispose();
        while (channel.CanLookAhead) Assert.True(channel.LookAhead(server.Poll(100_000, SelectMode.SelectRead)).IsEmpty);
        await Assert.ThrowsAsync<WebSocketException>(async () => await channel.ReceiveAsync());
    }

    [Fact]
    public void The_mask_is_the_standard_s_for_every_length()
    {
        byte[] noise = Noise(400);
        for (int length = 0; length < 300; length++)
        {
            byte[] bytes = [.. noise];
            int begin = length % 97;
            FrameMask.Apply(bytes.AsSpan(begin, length), 0xA1B2C3D4);
            for (int i = 0; i < bytes.Length; i++)
            {
                bool under = i >= begin && i < begin + length;
                Assert.Equal(under ? (byte)(noise[i] ^ (0xA1B2C3D4u >> (8 * ((i - begin) % 4)))) : noise[i], bytes[i]);
            }
        }
    }

    /// <summary>A client's frame.</summary>
    internal static byte[] Frame(FrameKind kind, bool final, ReadOnlySpan<byte> payload, uint mask)
    {
        using var frame = new MemoryStream();
        frame.WriteByte((byte)((final ? 0x80 : 0) | (int)kind));
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(length, payload.Length);
        frame.WriteByte((byte)(0x80 | (payload.Length < 126 ? payload.Length : payload.Length < 65536 ? 126 : 127)));
        if (payload.Length >= 126) frame.Write(payload.Length < 65536 ? length.AsSpan(6) : length);
        byte[] key = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(key, mask);
        frame.Write(key);
        for (int i = 0; i < payload.Length; i++) frame.WriteByte((byte)(payload[i] ^ key[i % 4]));
        return frame.ToArray();
    }

    /// <summary>Two ends of a connection over loopback.</summary>
    internal static (Socket Server, NetworkStream Client) Pair()
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.Connect(listener.LocalEndPoint!);
        return (listener.Accept(), new NetworkStream(client, ownsSocket: true));
    }

    private static byte[] Noise(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
