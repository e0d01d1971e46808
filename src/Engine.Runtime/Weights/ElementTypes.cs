namespace Engine.Runtime.Weights;

/// <summary>Sizes and names of element types in the file formats.</summary>
public static class ElementTypes
{
    private static readonly (ElementType Type, int Size, string? Npy, string SafeTensors)[] Table =
    [
        (ElementType.Bool, 1, "|b1", "BOOL"),
        (ElementType.UInt8, 1, "|u1", "U8"),
        (ElementType.Int8, 1, "|i1", "I8"),
        (ElementType.Int16, 2, "<i2", "I16"),
        (ElementType.UInt16, 2, "<u2", "U16"),
        (ElementType.Int32, 4, "<i4", "I32"),
        (ElementType.UInt32, 4, "<u4", "U32"),
        (ElementType.Int64, 8, "<i8", "I64"),
        (ElementType.UInt64, 8, "<u8", "U64"),
        (ElementType.Float16, 2, "<f2", "F16"),
        (ElementType.BFloat16, 2, null, "BF16"),
        (ElementType.Float32, 4, "<f4", "F32"),
        (ElementType.Float64, 8, "<f8", "F64"),
    ];

    /// <summary>Bytes of one element.</summary>
    public static int Size(this ElementType type) => Table[(int)type].Size;

    /// <summary>Name in a safetensors header, e.g. <c>BF16</c>.</summary>
    public static string SafeTensorsName(this ElementType type) => Table[(int)type].SafeTensors;

    /// <summary>NumPy type descriptor, e.g. <c>&lt;f4</c>, or null for bfloat16, which NumPy does not know.</summary>
    public static string? NpyDescriptor(this ElementType type) => Table[(int)type].Npy;

    internal static bool TryFromSafeTensors(string name, out ElementType type)
    {
        foreach (var row in Table)
        {
            if (row.SafeTensors != name) continue;
            type = row.Type;
            return true;
        }

        type = default;
        return false;
    }

    /// <summary>Reads a NumPy descriptor; <paramref name="swapped"/> is true for big-endian data.</summary>
    internal static bool TryFromNpy(string descriptor, out ElementType type, out bool swapped)
    {
        type = default;
        swapped = false;
        if (descriptor.Length < 2) return false;
        bool hasOrder = descriptor[0] is '<' or '>' or '|' or '=';
        string code = hasOrder ? descriptor[1..] : descriptor;
        foreach (var row in Table)
        {
            if (row.Npy is null || !row.Npy.AsSpan(1).SequenceEqual(code)) continue;
            type = row.Type;
            swapped = descriptor[0] == '>' && row.Size > 1;
            return true;
        }

        return code == "?" && (type = ElementType.Bool) == ElementType.Bool;
    }

    /// <summary>True where a span of <typeparamref name="T"/> shows the stored elements; bfloat16 is seen as <c>ushort</c>, bool also as <c>byte</c>.</summary>
    internal static bool IsSeenAs<T>(this ElementType type) where T : unmanaged => type switch
    {
        ElementType.Bool => typeof(T) == typeof(bool) || typeof(T) == typeof(byte),
        ElementType.UInt8 => typeof(T) == typeof(byte),
        ElementType.Int8 => typeof(T) == typeof(sbyte),
        ElementType.Int16 => typeof(T) == typeof(short),
        ElementType.UInt16 or ElementType.BFloat16 => typeof(T) == typeof(ushort),
        ElementType.Int32 => typeof(T) == typeof(int),
        ElementType.UInt32 => typeof(T) == typeof(uint),
        ElementType.Int64 => typeof(T) == typeof(long),
        ElementType.UInt64 => typeof(T) == typeof(ulong),
        ElementType.Float16 => typeof(T) == typeof(Half),
        ElementType.Float32 => typeof(T) == typeof(float),
        ElementType.Float64 => typeof(T) == typeof(double),
        _ => false,
    };
}
