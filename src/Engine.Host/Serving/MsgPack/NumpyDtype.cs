using System.Globalization;

namespace Engine.Host.Serving.MsgPack;

/// <summary>
/// A numpy element type: numbers, booleans and fixed-width strings. Structured, complex, object and time types are refused.
/// </summary>
/// <param name="Kind"><c>f</c> float, <c>i</c> integer, <c>u</c> unsigned, <c>b</c> boolean, <c>U</c> UTF-32 text, <c>S</c> bytes.</param>
/// <param name="Size">Bytes of one element.</param>
/// <param name="BigEndian">Whether elements are stored most significant byte first.</param>
public readonly record struct NumpyDtype(char Kind, int Size, bool BigEndian = false)
{
    public static readonly NumpyDtype Float32 = new('f', 4);
    public static readonly NumpyDtype Float64 = new('f', 8);
    public static readonly NumpyDtype UInt8 = new('u', 1);
    public static readonly NumpyDtype Int64 = new('i', 8);
    public static readonly NumpyDtype Bool = new('b', 1);

    /// <summary>Whether elements convert to numbers.</summary>
    public bool IsNumeric => Kind is 'f' or 'i' or 'u' or 'b';

    /// <summary>Parses numpy's <c>dtype.str</c>, such as <c>&lt;f4</c>, <c>|u1</c>, <c>&gt;i2</c>, <c>&lt;U4</c>.</summary>
    /// <exception cref="MsgPackException">It is none that is accepted.</exception>
    public static NumpyDtype Parse(string text)
    {
        if (TryParse(text) is { } dtype) return dtype;
        string shown = text.Length > 32 ? text[..32] + "…" : text;
        throw new MsgPackException($"dtype '{shown}' is not accepted; expected one such as '<f4', '|u1', '<i8', '|b1'");
    }

    /// <summary>As numpy writes it.</summary>
    public override string ToString()
    {
        char order = Kind == 'S' || (Size == 1 && Kind != 'U') ? '|' : BigEndian ? '>' : '<';
        return $"{order}{Kind}{(Kind == 'U' ? Size / 4 : Size).ToString(CultureInfo.InvariantCulture)}";
    }

    private static NumpyDtype? TryParse(string text)
    {
        if (text.Length is < 2 or > 12) return null;
        int at = text[0] is '<' or '>' or '=' or '|' ? 1 : 0;
        if (at == 0 && !char.IsAsciiLetter(text[0])) return null;
        char kind = text[at];
        if (!int.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int size)) return null;
        bool known = kind switch
        {
            'f' => size is 2 or 4 or 8,
            'i' or 'u' => size is 1 or 2 or 4 or 8,
            'b' => size == 1,
            'U' or 'S' => size is >= 0 and <= 1 << 20,
            _ => false,
        };
        if (!known) return null;
        return new NumpyDtype(kind, kind == 'U' ? size * 4 : size, text[0] == '>' && size > (kind == 'U' ? 0 : 1) && kind != 'S');
    }
}
