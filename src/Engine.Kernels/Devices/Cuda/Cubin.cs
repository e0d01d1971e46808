using System.Buffers.Binary;
using System.Text;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// Reads what kernels take from a cubin, which is an ELF file: the code of a kernel <c>f</c> stands in the section <c>.text.f</c>, its static shared memory is
/// the size of <c>.nv.shared.f</c>; registers and stack frames stand in <c>.nv.info</c>, attributes 0x2F and 0x11 for each function by its symbol. As
/// cuobjdump --dump-resource-usage shows it.
/// </summary>
public static class Cubin
{
    private const int HeaderLength = 64, SectionLength = 64, SymbolLength = 24;
    private const ushort Machine = 190;
    private const byte FrameSize = 0x11, RegisterCount = 0x2F;

    // 0x7F "ELF", 64 bits, little-endian.
    private static ReadOnlySpan<byte> Magic => [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1];

    /// <summary>The kernels of a cubin by name.</summary>
    /// <exception cref="InvalidDataException">It is not a cubin, or is damaged; the message says where.</exception>
    public static IReadOnlyDictionary<string, CubinResources> Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < HeaderLength || !file[..6].SequenceEqual(Magic))
            throw new InvalidDataException($"not a cubin: {file.Length} bytes that are no 64-bit little-endian ELF file");
        ushort machine = U16(file, 18);
        if (machine != Machine) throw new InvalidDataException($"not a cubin: an ELF file for machine {machine}, a cubin is for {Machine}");
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(file[40..]);
        int entry = U16(file, 58), count = U16(file, 60), names = U16(file, 62);
        if (entry != SectionLength || table > (ulong)file.Length || (ulong)count * SectionLength > (ulong)file.Length - table || names >= count)
            throw new InvalidDataException($"damaged cubin: {count} sections of {entry} bytes at {table} are not within {file.Length} bytes");

        var sections = new Section[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> at = file.Slice((int)table + i * SectionLength, SectionLength);
            sections[i] = new Section(
                BinaryPrimitives.ReadUInt32LittleEndian(at), BinaryPrimitives.ReadUInt32LittleEndian(at[4..]), BinaryPrimitives.ReadUInt64LittleEndian(at[24..]),
                BinaryPrimitives.ReadUInt64LittleEndian(at[32..]));
        }

        ReadOnlySpan<byte> text = Contents(file, sections[names]);
        var kernels = new Dictionary<string, CubinResources>();
        var shared = new Dictionary<string, int>();
        ReadOnlySpan<byte> info = default, symbols = default;
        for (int i = 0; i < count; i++)
        {
            string name = Name(text, sections[i].Name);
            if (name.StartsWith(".text.", StringComparison.Ordinal)) kernels[name[6..]] = new CubinResources(0, 0, 0);
            else if (name.StartsWith(".nv.shared.", StringComparison.Ordinal)) shared[name[11..]] = checked((int)Math.Min(sections[i].Size, int.MaxValue));
            else if (name == ".nv.info") info = Contents(file, sections[i]);
            else if (name == ".symtab") symbols = Contents(file, sections[i]);
        }

        var attributes = Attributes(info, symbols, file, sections, text);
        foreach (string name in kernels.Keys.ToArray())
            kernels[name] = new CubinResources(attributes.GetValueOrDefault((RegisterCount, name)), shared.GetValueOrDefault(name), attributes.GetValueOrDefault((FrameSize, name)));
        return kernels;
    }

    private static Dictionary<(byte Kind, string Function), int> Attributes(ReadOnlySpan<byte> info, ReadOnlySpan<byte> symbols, ReadOnlySpan<byte> file, Section[] sections, ReadOnlySpan<byte> sectionNames)
    {
        ReadOnlySpan<byte> names = default;
        foreach (Section section in sections)
        {
            if (Name(sectionNames, section.Name) == ".strtab") names = Contents(file, section);
        }

        var values = new Dictionary<(byte Kind, string Function), int>();
        while (info.Length > 0)
        {
            if (info.Length < 4) throw new InvalidDataException($"damaged cubin: {info.Length} bytes left over in .nv.info");
            // Formats 1 … 3 hold their value in the second half of the word; format 4 gives there the length of what follows.
            int length = info[0] == 4 ? U16(info, 2) : 0;
            if (info[0] is < 1 or > 4 || length > info.Length - 4) throw new InvalidDataException($"damaged cubin: an attribute of format {info[0]} and {length} bytes in .nv.info");
            if (info[0] == 4 && (info[1] is FrameSize or RegisterCount))
            {
                if (length < 8) throw new InvalidDataException($"damaged cubin: an attribute {info[1]} of {length} bytes in .nv.info");
                uint symbol = BinaryPrimitives.ReadUInt32LittleEndian(info[4..]), value = BinaryPrimitives.ReadUInt32LittleEndian(info[8..]);
                if ((ulong)(symbol + 1L) * SymbolLength > (ulong)symbols.Length || value > int.MaxValue)
                    throw new InvalidDataException($"damaged cubin: an attribute of {value} for symbol {symbol} of {symbols.Length / SymbolLength}");
                values[(info[1], Name(names, BinaryPrimitives.ReadUInt32LittleEndian(symbols[(int)(symbol * SymbolLength)..])))] = (int)value;
            }

            info = info[(4 + length)..];
        }

        return values;
    }

    private static ReadOnlySpan<byte> Contents(ReadOnlySpan<byte> file, Section section)
    {
        const uint NoBits = 8;
        if (section.Type == NoBits) return default;
        if (section.Offset > (ulong)file.Length || section.Size > (ulong)file.Length - section.Offset)
            throw new InvalidDataException($"damaged cubin: a section of {section.Size} bytes at {section.Offset} is not within {file.Length} bytes");
        return file.Slice((int)section.Offset, (int)section.Size);
    }

    private static string Name(ReadOnlySpan<byte> table, uint offset)
    {
        if (offset >= (uint)table.Length) throw new InvalidDataException($"damaged cubin: a name at {offset} of {table.Length} bytes of names");
        ReadOnlySpan<byte> rest = table[(int)offset..];
        int end = rest.IndexOf((byte)0);
        if (end < 0) throw new InvalidDataException($"damaged cubin: the name at {offset} has no end");
        return Encoding.UTF8.GetString(rest[..end]);
    }

    private static ushort U16(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadUInt16LittleEndian(file[at..]);

    private readonly record struct Section(uint Name, uint Type, ulong Offset, ulong Size);
}
