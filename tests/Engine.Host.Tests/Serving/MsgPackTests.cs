using System.Text;
using Engine.Host.Serving.MsgPack;
using Engine.Kernels.Ops.Philox;

namespace Engine.Host.Tests.Serving;

public sealed class MsgPackTests
{
    public static TheoryData<string> Good => GoldenMessages.Files(".msgpack", bad: false);

    public static TheoryData<string> Bad => GoldenMessages.Files(".msgpack", bad: true);

    [Theory]
    [MemberData(nameof(Good))]
    public void Golden_messages_are_read_and_written_back_byte_for_byte(string file)
    {
        byte[] message = File.ReadAllBytes(GoldenMessages.Path(file));
        object? value = MsgPackReader.Read(message);
        using var contents = GoldenMessages.Contents();
        GoldenMessages.Same(contents.RootElement.GetProperty(file).GetProperty("content"), value, file);
        Assert.Equal(message, MsgPackWriter.ToBytes(value));
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void Broken_golden_messages_are_refused_without_a_large_allocation(string file)
    {
        byte[] message = File.ReadAllBytes(GoldenMessages.Path(file));
        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<MsgPackException>(() => MsgPackReader.Read(message));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.NotEmpty(error.Message);
        Assert.InRange(error.Message.Length, 1, 300);
    }

    [Fact]
    public void String_keys_make_an_array_only_where_that_is_asked_for()
    {
        byte[] message = File.ReadAllBytes(GoldenMessages.Path("str_keys_plain_map.msgpack"));
        Assert.IsType<MsgPackMap>(MsgPackReader.Read(message));
        var array = Assert.IsType<NumpyArray>(MsgPackReader.Read(message, new MsgPackLimits { StringKeyArrays = true }));
        Assert.Equal([0f], array.ToSingles());
    }

    [Fact]
    public void Every_prefix_of_a_message_is_refused()
    {
        byte[] message = File.ReadAllBytes(GoldenMessages.Path("nested.msgpack"));
        for (int length = 0; length < message.Length; length++)
            Assert.Throws<MsgPackException>(() => MsgPackReader.Read(message.AsMemory(0, length)));
    }

    [Fact]
    public void Damaged_messages_are_read_or_refused_and_nothing_else()
    {
        var random = new PhiloxRandom(new PhiloxKey(1, 0));
        foreach (string file in new[] { "nested.msgpack", "dtypes.msgpack", "np_scalars.msgpack", "obs_libero.msgpack", "string_array.msgpack", "actions.msgpack" })
        {
            byte[] original = File.ReadAllBytes(GoldenMessages.Path(file));
            int refused = 0;
            for (int round = 0; round < 3000; round++)
            {
                byte[] message = (byte[])original.Clone();
                for (int i = random.NextInt(4); i >= 0; i--) message[random.NextInt(message.Length)] = (byte)random.NextWord();
                if (!Survives(message)) refused++;
            }

            Assert.InRange(refused, 1, 3000);
        }
    }

    [Fact]
    public void Random_bytes_are_read_or_refused_and_nothing_else()
    {
        var random = new PhiloxRandom(new PhiloxKey(2, 0));
        for (int round = 0; round < 20000; round++)
        {
            byte[] message = new byte[random.NextInt(64)];
            for (int i = 0; i < message.Length; i++) message[i] = (byte)random.NextWord();
            Survives(message);
        }
    }

    [Fact]
    public void Random_values_come_back_as_they_were()
    {
        var random = new PhiloxRandom(new PhiloxKey(3, 0));
        for (int round = 0; round < 500; round++)
        {
            object? value = Random(random, 0);
            byte[] message = MsgPackWriter.ToBytes(value);
            object? back = MsgPackReader.Read(message);
            Assert.Equal(message, MsgPackWriter.ToBytes(back));
            Same(value, back);
        }
    }

    [Fact]
    public void Limits_hold()
    {
        byte[] deep = [.. Enumerable.Repeat((byte)0x91, 40), 0xC0];
        Assert.Contains("32", Assert.Throws<MsgPackException>(() => MsgPackReader.Read(deep)).Message);
        byte[] endless = new byte[300_000];
        endless[0] = 0xDD;
        (endless[1], endless[2], endless[3], endless[4]) = (0, 4, 0x93, 0xDB);
        Assert.Contains("values", Assert.Throws<MsgPackException>(() => MsgPackReader.Read(endless)).Message);
        var wide = new MsgPackMap();
        for (int i = 0; i < 5000; i++) wide[$"k{i}"] = null;
        Assert.Contains("4096", Assert.Throws<MsgPackException>(() => MsgPackReader.Read(MsgPackWriter.ToBytes(wide))).Message);
        byte[] nine = MsgPackWriter.ToBytes(new NumpyArray(NumpyDtype.UInt8, [1, 1, 1, 1, 1, 1, 1, 1, 1], new byte[1], 9));
        Assert.Contains("9 dimensions", Assert.Throws<MsgPackException>(() => MsgPackReader.Read(nine)).Message);
        Assert.Contains("twice", Assert.Throws<MsgPackException>(() => MsgPackReader.Read(new byte[] { 0x82, 0xA1, 0x61, 1, 0xA1, 0x61, 2 })).Message);
        Assert.Contains("key", Assert.Throws<MsgPackException>(() => MsgPackReader.Read(new byte[] { 0x81, 1, 1 })).Message);
        Assert.Contains("UTF-8", Assert.Throws<MsgPackException>(() => MsgPackReader.Read(new byte[] { 0xA1, 0xFF })).Message);
        Assert.Contains("extension", Assert.Throws<MsgPackException>(() => MsgPackReader.Read(new byte[] { 0xD4, 1, 1 })).Message);
    }

    [Fact]
    public void An_array_stands_over_the_message_without_a_copy()
    {
        byte[] message = MsgPackWriter.ToBytes(NumpyArray.From(new byte[1 << 20], 1 << 10, 1 << 10));
        MsgPackReader.Read(message);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var array = (NumpyArray)MsgPackReader.Read(message)!;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8192);
        Assert.True(array.Data.Span.Overlaps(message));
    }

    private static bool Survives(byte[] message)
    {
        try
        {
            object? value = MsgPackReader.Read(message);
            MsgPackWriter.ToBytes(value);
            return true;
        }
        catch (MsgPackException)
        {
            return false;
        }
    }

    private static object? Random(PhiloxRandom random, int depth)
    {
        switch (random.NextInt(depth < 3 ? 10 : 8))
        {
            case 0: return null;
            case 1: return random.NextInt(2) == 0;
            case 2: return (long)(((ulong)random.NextWord() << 32 | random.NextWord()) >> random.NextInt(64)) * (random.NextInt(2) == 0 ? -1 : 1);
            case 3: return (ulong)long.MaxValue + 1 + random.NextWord();
            case 4: return (double)random.NextNormal();
            case 5: return new string('ä', random.NextInt(300)) + random.NextWord();
            case 6: return (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(new string('b', random.NextInt(70000)));
            case 7:
                int rows = random.NextInt(5);
                return NumpyArray.From(new float[rows * 3], rows, 3);
            case 8: return Enumerable.Range(0, random.NextInt(20)).Select(_ => Random(random, depth + 1)).ToArray();
            default:
                var map = new MsgPackMap();
                for (int i = random.NextInt(20); i > 0; i--) map[(random.NextInt(4) == 0 ? MsgPackMap.BinaryPrefix : "") + $"k{random.NextInt(99)}"] = Random(random, depth + 1);
                return map;
        }
    }

    private static void Same(object? expected, object? actual)
    {
        switch (expected)
        {
            case MsgPackMap map:
                var other = Assert.IsType<MsgPackMap>(actual);
                Assert.Equal(map.Select(e => e.Key), other.Select(e => e.Key));
                foreach (var (key, value) in map) Same(value, other[key]);
                break;
            case object?[] items:
                object?[] others = Assert.IsType<object?[]>(actual);
                Assert.Equal(items.Length, others.Length);
                for (int i = 0; i < items.Length; i++) Same(items[i], others[i]);
                break;
            case ReadOnlyMemory<byte> bytes: Assert.Equal(bytes.ToArray(), Assert.IsType<ReadOnlyMemory<byte>>(actual).ToArray()); break;
            case NumpyArray array: Assert.Equal(array.ToSingles(), Assert.IsType<NumpyArray>(actual).ToSingles()); break;
            default: Assert.Equal(expected, actual); break;
        }
    }
}
