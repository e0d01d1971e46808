using System.Globalization;
using System.Numerics;

namespace Engine.Host.Configuration;

/// <summary>The texts of single values: how they are read, written and described.</summary>
internal static class ConfigurationScalars
{
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    private static readonly Dictionary<Type, (string Expected, Func<string, object> Parse)> Known = new()
    {
        [typeof(bool)] = ("true or false", text => text.ToLowerInvariant() switch { "true" => true, "false" => false, _ => throw Wrong() }),
        [typeof(string)] = ("text", text => text),
        [typeof(byte)] = ("a whole number", text => Whole(text, byte.MinValue, byte.MaxValue)),
        [typeof(int)] = ("a whole number", text => Whole(text, int.MinValue, int.MaxValue)),
        [typeof(uint)] = ("a whole number", text => Whole(text, uint.MinValue, uint.MaxValue)),
        [typeof(long)] = ("a whole number", text => Whole(text, long.MinValue, long.MaxValue)),
        [typeof(ulong)] = ("a whole number", text => Whole(text, ulong.MinValue, ulong.MaxValue)),
        [typeof(float)] = ("a number", text => Finite((float)Number(text))),
        [typeof(double)] = ("a number", text => Finite(Number(text))),
        [typeof(decimal)] = ("a number", text => decimal.TryParse(text, NumberStyles.Float, Culture, out var value) ? value : throw Wrong()),
        [typeof(TimeSpan)] = ("seconds", text => TimeSpan.FromSeconds(Finite(Number(text)))),
    };

    /// <summary>Reads a value of the type from its text, or null when the type is no single value. Throws FormatException with a remark.</summary>
    public static Func<string, object>? Parser(Type type)
    {
        if (Known.TryGetValue(type, out var known)) return known.Parse;
        return type.IsEnum ? text => Member(type, text) : null;
    }

    /// <summary>What a value of the type looks like.</summary>
    public static string Expected(Type type) =>
        type.IsEnum ? "one of " + string.Join(", ", Enum.GetNames(type).Select(SnakeCase.Of)) : Known[type].Expected;

    /// <summary>The text that reads back to the same value.</summary>
    public static string Text(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        float number => number.ToString("R", Culture),
        double number => number.ToString("R", Culture),
        TimeSpan span => span.TotalSeconds.ToString("R", Culture),
        Enum member => SnakeCase.Of(member.ToString()),
        IFormattable other => other.ToString(null, Culture),
        _ => value.ToString() ?? "",
    };

    private static T Whole<T>(string text, T low, T high)
        where T : IBinaryInteger<T>
    {
        // Whole numbers may be grouped by underscores (10_000), hexadecimal (0xFF) or in powers of ten (1e4).
        string digits = text.Replace("_", "", StringComparison.Ordinal);
        if (!BigInteger.TryParse(digits, NumberStyles.AllowLeadingSign, Culture, out var value))
        {
            if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            {
                if (!BigInteger.TryParse("0" + digits[2..], NumberStyles.AllowHexSpecifier, Culture, out value)) throw Wrong();
            }
            else
            {
                if (!decimal.TryParse(digits, NumberStyles.Float, Culture, out decimal number)) throw Wrong();
                if (number != decimal.Truncate(number)) throw Wrong();
                value = new BigInteger(number);
            }
        }

        if (value < BigInteger.CreateChecked(low) || value > BigInteger.CreateChecked(high))
            throw Wrong($", which is outside {low} … {high}");
        return T.CreateChecked(value);
    }

    private static double Number(string text) =>
        double.TryParse(text.Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, Culture, out double value) ? value : throw Wrong();

    private static T Finite<T>(T value)
        where T : IFloatingPointIeee754<T> => T.IsFinite(value) ? value : throw Wrong(", which is not finite");

    private static object Member(Type type, string text)
    {
        string[] names = Enum.GetNames(type);
        string? name = names.FirstOrDefault(candidate => SnakeCase.Of(candidate) == text)
            ?? names.FirstOrDefault(candidate => string.Equals(candidate, text, StringComparison.OrdinalIgnoreCase));
        if (name is null) throw Wrong("." + NearestName.Question(text, names.Select(SnakeCase.Of)));
        return Enum.Parse(type, name);
    }

    /// <summary>The remark follows "expected …, got …" in the message.</summary>
    private static FormatException Wrong(string remark = "") => new(remark);
}
