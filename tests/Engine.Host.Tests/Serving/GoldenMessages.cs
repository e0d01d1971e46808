using System.Globalization;
using System.Text.Json;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Host.Tests.Serving;

/// <summary>The golden messages and the check of a decoded value against what contents.json says.</summary>
internal static class GoldenMessages
{
    private static readonly Lazy<Dictionary<string, NamedArray>> s_expected = new(() => Npz.Read(Path("expected.npz")));

    internal static string Path(string file) => System.IO.Path.Combine(Golden.Path("msgpack"), file);

    internal static JsonDocument Contents() => JsonDocument.Parse(File.ReadAllBytes(Path("contents.json")));

    /// <summary>Files with a suffix, the bad ones or the good ones.</summary>
    internal static TheoryData<string> Files(string suffix, bool bad)
    {
        string folder = System.IO.Path.Combine(Golden.Root, "tests", "golden", "msgpack");
        if (!Directory.Exists(folder)) return [];
        return [.. Directory.GetFiles(folder, "*" + suffix).Select(f => System.IO.Path.GetFileName(f)!)
            .Where(f => f != "contents.json" && f.StartsWith("bad_", StringComparison.Ordinal) == bad).Order(StringComparer.Ordinal)];
    }

    internal static void Same(JsonElement expected, object? actual, string at)
    {
        switch (expected.GetProperty("kind").GetString())
        {
            case "map":
                var map = Assert.IsType<MsgPackMap>(actual);
                var items = expected.GetProperty("items").EnumerateObject().ToArray();
                Assert.Equal(items.Select(i => i.Name), map.Select(e => e.Key));
                foreach (var item in items) Same(item.Value, map[item.Name], at + "/" + item.Name);
                break;
            case "array":
                object?[] list = Assert.IsType<object?[]>(actual);
                if (expected.TryGetProperty("every_item", out var every))
                {
                    Assert.Equal(expected.GetProperty("length").GetInt32(), list.Length);
                    foreach (object? item in list) Same(every, item, at);
                    break;
                }

                var members = expected.GetProperty("items").EnumerateArray().ToArray();
                Assert.Equal(members.Length, list.Length);
                for (int i = 0; i < members.Length; i++) Same(members[i], list[i], $"{at}/{i}");
                break;
            case "str": Assert.Equal(expected.GetProperty("value").GetString(), actual); break;
            case "bool": Assert.Equal(expected.GetProperty("value").GetBoolean(), actual); break;
            case "nil": Assert.Null(actual); break;
            case "int": Assert.Equal(expected.GetProperty("value").GetString(), Convert.ToString(actual, CultureInfo.InvariantCulture)); break;
            case "float64":
                Assert.Equal(double.Parse(expected.GetProperty("value").GetString()!, CultureInfo.InvariantCulture), Assert.IsType<double>(actual));
                break;
            case "bin":
                Assert.Equal(expected.GetProperty("hex").GetString(), Convert.ToHexStringLower(Assert.IsType<ReadOnlyMemory<byte>>(actual).Span));
                break;
            case "numpy_scalar" when actual is NumpyScalar scalar:
                Assert.Equal(expected.GetProperty("dtype").GetString(), scalar.Dtype.ToString());
                float value = scalar.Value is bool flag ? (flag ? 1 : 0) : Convert.ToSingle(scalar.Value, CultureInfo.InvariantCulture);
                Assert.Equal(s_expected.Value[expected.GetProperty("npz_key").GetString()!].ToFloat32(), new[] { value });
                break;
            case "ndarray" or "numpy_scalar":
                var array = Assert.IsType<NumpyArray>(actual);
                Assert.Equal(expected.GetProperty("dtype").GetString(), array.Dtype.ToString());
                Assert.Equal(expected.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), array.Shape);
                if (expected.TryGetProperty("values", out var texts))
                {
                    string[] wanted = [.. texts.EnumerateArray().Select(v => v.GetString()!)];
                    string[] found = array.ToStrings();
                    Assert.Equal(wanted, array.Dtype.Kind == 'S' ? Array.ConvertAll(found, f => $"b'{f}'") : found);
                    break;
                }

                Assert.Equal(s_expected.Value[expected.GetProperty("npz_key").GetString()!].ToFloat32(), array.ToSingles());
                break;
            default:
                Assert.Fail($"{at}: contents.json has the kind {expected.GetProperty("kind")}");
                break;
        }
    }
}
