using System.Runtime.InteropServices;
using System.Text;
using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Tests.Serving.Groot;

/// <summary>Observations in GR00T's form, made by hand.</summary>
internal static class GrootMessages
{
    /// <summary>A .npy file of version 1: signature, length of the header (u16), the header padded with spaces to a multiple of 64, the elements.</summary>
    internal static byte[] Npy(string descr, string shape, ReadOnlySpan<byte> data)
    {
        string header = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}";
        header = header.PadRight((10 + header.Length + 64) / 64 * 64 - 11) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.ASCII.GetBytes(header), .. data];
    }

    internal static MsgPackMap Array(string descr, string shape, ReadOnlySpan<byte> data) =>
        new() { ["__ndarray_class__"] = true, ["as_npy"] = Npy(descr, shape, data) };

    internal static byte[] Bytes(ReadOnlySpan<float> values) => MemoryMarshal.AsBytes(values).ToArray();

    /// <summary>An observation of the test contract: state first, 1 … 7 as <c>pose</c> and <c>gripper</c>.</summary>
    internal static MsgPackMap Flat(float first) => new()
    {
        ["video.top"] = Array("|u1", "(1, 6, 8, 3)", new byte[144]),
        ["video.wrist"] = Array("|u1", "(1, 4, 4, 3)", new byte[48]),
        ["state.pose"] = Array("<f4", "(1, 7)", Bytes([first, 1, 2, 3, 4, 5, 6])),
        ["state.gripper"] = Array("<f4", "(1, 1)", Bytes([7])),
        ["annotation.human.task_description"] = new object?[] { "reach the red cube" },
    };

    internal static MsgPackMap Copy(MsgPackMap map, Func<KeyValuePair<string, object?>, bool> keep)
    {
        var copy = new MsgPackMap();
        foreach (var entry in map.Where(keep)) copy[entry.Key] = entry.Value;
        return copy;
    }
}
