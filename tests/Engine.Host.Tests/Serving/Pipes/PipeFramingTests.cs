using System.Text;
using Engine.Client;
using Engine.Host.Serving.Pipes;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Pipes;

/// <summary>Headers, checksums and layouts by themselves, and a server under random bytes.</summary>
public sealed class PipeFramingTests
{
    private static readonly PipeLayout s_layout = PipeLayout.Create([("a", 4, 5), ("b", 1, 1)], 8, 100, 3, 7, 2, 12.5);

    [Fact]
    public void The_checksum_is_rfc_3720s()
    {
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0u, Crc32C.Compute([]));
    }

    [Fact]
    public void A_header_is_read_as_it_was_written()
    {
        var header = new PipeHeader
        {
            Kind = PipeKind.Observe,
            Flags = PipeFlags.PayloadCrc,
            Length = 0x01020304,
            Sequence = ulong.MaxValue,
            Deadline = 5,
            Session = 6,
            Time = 7,
            PayloadCrc = 8,
            Code = PipeErrorCode.Torn,
            Offset = 64,
        };
        byte[] bytes = new byte[PipeHeader.Size];
        header.Write(bytes);
        Assert.Equal("454E4750010003000100000004030201FFFFFFFFFFFFFFFF0500000000000000", Convert.ToHexString(bytes.AsSpan(0, 32)));
        Assert.Equal(PipeHeaderFault.None, PipeHeader.Read(bytes, out var read));
        Assert.Equal(header, read);
        for (int bit = 0; bit < 8 * PipeHeader.Size; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.NotEqual(PipeHeaderFault.None, PipeHeader.Read(bytes, out _));
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Fact]
    public void A_layout_survives_its_welcome_and_a_damaged_welcome_is_refused()
    {
        byte[] welcome = s_layout.ToWelcome("{}"u8, 4096);
        var read = PipeLayout.FromWelcome(welcome, out uint ring, out string contract);
        Assert.Equal((4096u, "{}"), (ring, contract));
        Assert.Equal(s_layout.Cameras, read.Cameras);
        Assert.Equal((64, 128, 192, 256, 356), (read.StateOffset, read.Cameras[0].Offset, read.Cameras[1].Offset, read.InstructionOffset, read.ObservationBytes));
        var random = new Random(1);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] damaged = welcome.AsSpan(0, random.Next(4) == 0 ? random.Next(welcome.Length) : welcome.Length).ToArray();
            for (int k = random.Next(1, 4); k > 0 && damaged.Length > 0; k--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                PipeLayout.FromWelcome(damaged, out _, out _);
            }
            catch (Exception error) when (error is InvalidDataException or ArgumentException)
            {
                // Refused in words; anything else fails the test.
            }
        }

        Assert.Throws<InvalidDataException>(() => PipeLayout.FromWelcome(welcome.AsSpan(0, 63), out _, out _));
        Assert.Throws<ArgumentException>(() => PipeLayout.Create([(new string('x', 49), 1, 1)], 0, 0, 1, 1, 1, 1));
        Assert.Throws<ArgumentException>(() => PipeLayout.Create([("a", 32768, 32768)], 0, 0, 1, 1, 1, 1));
    }

    [Fact]
    public void Random_headers_never_announce_more_than_the_contract_allows()
    {
        var random = new Random(2);
        byte[] head = new byte[PipeHeader.Size];
        int accepted = 0;
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(head);
            new PipeHeader { Kind = (PipeKind)random.Next(1, 10), Length = (uint)random.NextInt64(1L << random.Next(33)) }.Write(head);
            if (random.Next(4) == 0) head[random.Next(head.Length)] ^= (byte)random.Next(1, 256);
            bool welcomed = random.Next(2) == 0;
            if (PipeFraming.Check(head, welcomed, s_layout, out var header) is not null) continue;
            accepted++;
            Assert.True(header.Length <= (header.Kind == PipeKind.Observe && welcomed ? s_layout.ObservationBytes : header.Kind == PipeKind.Hello ? 16 + 1024 : 0));
        }

        Assert.InRange(accepted, 100, 19_900);
    }

    [Fact]
    public void An_errors_text_is_cut_between_characters()
    {
        Span<byte> room = stackalloc byte[5];
        Assert.Equal(4, PipeFraming.WriteError("ää€", room));
        Assert.Equal("ää", Encoding.UTF8.GetString(room[..4]));
    }

    [Fact]
    public async Task A_server_lives_through_random_bytes()
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        var random = new Random(3);
        for (int i = 0; i < 150; i++)
        {
            using var pipe = RawPipe.Connect(fixture.Path);
            bool hello = random.Next(4) != 0;
            if (hello) pipe.Hello();
            byte[] bytes = new byte[random.Next(1, 2000)];
            random.NextBytes(bytes);
            if (hello && random.Next(2) == 0)
            {
                byte[] record = pipe.Record();
                random.NextBytes(record.AsSpan(0, 64 + random.Next(32)));
                bytes = RawPipe.Frame(pipe.Header(PipeKind.Observe, record.Length), record);
                if (random.Next(2) == 0) bytes[random.Next(bytes.Length)] ^= (byte)random.Next(1, 256);
            }

            try
            {
                pipe.Send(bytes);
                if (bytes.Length >= PipeHeader.Size && random.Next(2) == 0 && hello) Assert.Contains(pipe.Receive().Header.Kind, new[] { PipeKind.Error, PipeKind.Actions });
            }
            catch (System.Net.Sockets.SocketException)
            {
                // The server closed before all was sent, as it should.
            }
        }

        using var good = fixture.Client("unix");
        good.State[0] = 3;
        Assert.Equal(3, good.Step()[0]);
        Assert.Equal(1, await WithinAsync(() => fixture.Server.Metrics.Sessions, 1));
    }
}
