using System.Buffers.Binary;
using System.Text;

namespace Engine.Host.Tests.Serving.LeRobot;

/// <summary>
/// What Python's pickle (protocol 4) writes for LeRobot's messages, opcode by opcode: PROTO 4, for an instance STACK_GLOBAL of its module and
/// name, EMPTY_TUPLE, NEWOBJ, its fields as a dictionary, BUILD; STOP at the end.
/// </summary>
internal static class LeRobotMessages
{
    internal const string Module = "lerobot.async_inference.helpers";

    internal static byte[] Pickle(byte[] value) => [0x80, 4, .. value, (byte)'.'];

    internal static byte[] Instance(string module, string name, byte[] fields) =>
        [.. Text(module), .. Text(name), 0x93, (byte)')', 0x81, .. fields, (byte)'b'];

    /// <summary>EMPTY_DICT, MARK, keys and values, SETITEMS.</summary>
    internal static byte[] Dictionary(params (string Key, byte[] Value)[] items) =>
        [(byte)'}', (byte)'(', .. items.SelectMany(i => (byte[])[.. Text(i.Key), .. i.Value]), (byte)'u'];

    /// <summary>SHORT_BINUNICODE, or BINUNICODE.</summary>
    internal static byte[] Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text), length = BitConverter.GetBytes(utf8.Length);
        return utf8.Length < 256 ? [0x8C, (byte)utf8.Length, .. utf8] : [(byte)'X', .. length, .. utf8];
    }

    /// <summary>BINFLOAT.</summary>
    internal static byte[] Float(double number)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(bytes, number);
        return [(byte)'G', .. bytes];
    }

    /// <summary>BININT.</summary>
    internal static byte[] Integer(int number) => [(byte)'J', .. BitConverter.GetBytes(number)];

    internal static byte[] Flag(bool flag) => [flag ? (byte)0x88 : (byte)0x89];

    /// <summary>EMPTY_LIST, MARK, items, APPENDS.</summary>
    internal static byte[] List(params byte[][] items) => [(byte)']', (byte)'(', .. items.SelectMany(i => i), (byte)'e'];

    /// <summary>BINBYTES.</summary>
    internal static byte[] Bytes(ReadOnlySpan<byte> bytes) => [(byte)'B', .. BitConverter.GetBytes(bytes.Length), .. bytes];

    internal static byte[] Tuple(params int[] numbers) => [(byte)'(', .. numbers.SelectMany(Integer), (byte)'t'];

    /// <summary>
    /// _reconstruct(ndarray, (0,), b'b') by REDUCE, then BUILD with (1, shape, dtype, whether Fortran order, bytes); the dtype is
    /// dtype(code, False, True), then BUILD with (3, byte order, None, None, None, -1, -1, 0).
    /// </summary>
    internal static byte[] Array(string dtype, int[] shape, ReadOnlySpan<byte> data, string order = "|", bool fortran = false) =>
    [
        .. Text("numpy.core.multiarray"), .. Text("_reconstruct"), 0x93, .. Text("numpy"), .. Text("ndarray"), 0x93, .. Tuple(0), (byte)'C', 1, (byte)'b', 0x87, (byte)'R',
        (byte)'(', .. Integer(1), .. Tuple(shape),
        .. Text("numpy"), .. Text("dtype"), 0x93, .. Text(dtype), 0x89, 0x88, 0x87, (byte)'R',
        (byte)'(', .. Integer(3), .. Text(order), .. "NNN"u8, .. Integer(-1), .. Integer(-1), .. Integer(0), (byte)'t', (byte)'b',
        .. Flag(fortran), .. Bytes(data), (byte)'t', (byte)'b',
    ];

    internal static byte[] Config(string policy = "echo", int actions = 50, string module = Module) => Pickle(Instance(module, "RemotePolicyConfig", Dictionary(
        ("policy_type", Text("act")),
        ("pretrained_name_or_path", Text(policy)),
        ("lerobot_features", Dictionary(
            ("observation.state", Dictionary(("dtype", Text("float32")), ("shape", Tuple(8)), ("names", List([.. Enumerable.Range(0, 8).Select(i => Text($"m{i}.pos"))])))),
            ("observation.images.front", Dictionary(("dtype", Text("image")), ("shape", Tuple(6, 8, 3)))),
            ("observation.images.wrist", Dictionary(("dtype", Text("video")), ("shape", Tuple(4, 4, 3)))))),
        ("actions_per_chunk", Integer(actions)),
        ("device", Text("cpu")),
        ("rename_map", Dictionary(("observation.images.front", Text("observation.images.top")))))));

    /// <summary>State <paramref name="first"/>, 1 … 7; <paramref name="change"/> replaces raw values, null takes one away.</summary>
    internal static byte[] Timed(float first = 0.5f, int timestep = 7, bool mustGo = true, string module = Module, double timestamp = 100, Dictionary<string, byte[]?>? change = null)
    {
        var raw = new Dictionary<string, byte[]?> { ["m0.pos"] = Float(first) };
        for (int i = 1; i < 8; i++) raw[$"m{i}.pos"] = i == 3 ? Integer(3) : Float(i);
        raw["front"] = Array("u1", [6, 8, 3], new byte[144]);
        raw["wrist"] = Array("u1", [4, 4, 3], new byte[48]);
        raw["task"] = Text("reach the red cube");
        foreach (var (key, value) in change ?? []) raw[key] = value;
        return Pickle(Instance(module, "TimedObservation", Dictionary(
            ("timestamp", Float(timestamp)),
            ("timestep", Integer(timestep)),
            ("observation", Dictionary([.. raw.Where(r => r.Value is not null).Select(r => (r.Key, r.Value!))])),
            ("must_go", Flag(mustGo)))));
    }

    /// <summary>proto3: tag, length as a varint, bytes.</summary>
    internal static byte[] Field(byte tag, ReadOnlySpan<byte> data)
    {
        List<byte> length = [];
        int left = data.Length;
        for (; left >= 0x80; left >>= 7) length.Add((byte)(left | 0x80));
        return [tag, .. length, (byte)left, .. data];
    }

    /// <summary>A PolicySetup: field 1, bytes (tag 0A).</summary>
    internal static byte[] Setup(byte[] pickle) => RawGrpc.Framed(Field(0x0A, pickle));

    /// <summary>An Observation: field 1, the transfer state (tag 08; 1 begin, 2 middle, 3 end), field 2, bytes (tag 12).</summary>
    internal static byte[] Chunk(byte state, ReadOnlySpan<byte> data) => RawGrpc.Framed([8, state, .. Field(0x12, data)]);
}
