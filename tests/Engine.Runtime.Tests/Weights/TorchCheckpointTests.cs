using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.Weights;

public sealed class TorchCheckpointTests
{
    /// <summary>Files that the note allows to refuse, and what the refusal must name.</summary>
    private static readonly Dictionary<string, string> MayRefuse = new() { ["with_numpy.pt"] = "numpy.core.multiarray._reconstruct" };

    private static readonly Dictionary<string, string> Reasons = new()
    {
        ["malicious.pt"] = "posix.system",
        ["malicious_top_level.pt"] = "posix.system",
        ["malicious_exec.pt"] = "__builtin__.exec",
        ["malicious_getattr.pt"] = "builtins.eval",
        ["malicious_torch_global.pt"] = "torch.hub.load",
        ["malicious_dotted.pt"] = "torch.serialization.os.system",
        ["malicious_legacy.pt"] = "posix.system",
        ["malicious_bare.pt"] = "posix.system",
        ["whole_module.pt"] = "model.DiT",
        ["bad_empty.pt"] = "no PyTorch checkpoint",
        ["bad_expanded_huge.pt"] = "larger than one array",
        ["bad_legacy_truncated.pt"] = "ends inside the storage",
        ["bad_negative_offset.pt"] = "begins at -1",
        ["bad_negative_size.pt"] = "hold -2",
        ["bad_negative_stride.pt"] = "hold -1",
        ["bad_no_data_pkl.pt"] = "data.pkl",
        ["bad_not_a_checkpoint.pt"] = "no PyTorch checkpoint",
        ["bad_offset_beyond_storage.pt"] = "reaches element 4",
        ["bad_pickle_deep.pt"] = "nested",
        ["bad_pickle_long4_bomb.pt"] = "2147483647 bytes",
        ["bad_pickle_memo.pt"] = "never kept",
        ["bad_pickle_stack.pt"] = "empty stack",
        ["bad_pickle_string_bomb.pt"] = "4294967295 bytes",
        ["bad_pickle_truncated.pt"] = "ends too early",
        ["bad_rank_mismatch.pt"] = "2 sizes but 1 strides",
        ["bad_size_overflow.pt"] = "larger than one array",
        ["bad_storage_key_traversal.pt"] = "'../../x' is missing",
        ["bad_storage_missing.pt"] = "'0' is missing",
        ["bad_storage_short.pt"] = "should have 16 bytes",
        ["bad_storage_unknown_type.pt"] = "torch.NoSuchStorage",
        ["bad_tensor_beyond_storage.pt"] = "reaches element 5",
        ["bad_truncated.pt"] = "Central Directory",
    };

    public static TheoryData<string> Files()
    {
        var data = new TheoryData<string>();
        foreach (string file in Directory.GetFiles(Path.Combine(Golden.Root, "tests", "golden", "checkpoints"), "*.pt").Order(StringComparer.Ordinal))
            data.Add(Path.GetFileName(file));
        return data;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_golden_file_loads_or_is_refused_as_stated(string name)
    {
        string folder = Golden.Path("checkpoints"), path = Path.Combine(folder, name);
        using var contents = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "contents.json")));
        JsonElement entry = contents.RootElement.GetProperty(name);
        string expected = entry.GetProperty("expected").GetString()!;
        if (expected.StartsWith("load", StringComparison.Ordinal) && !MayRefuse.ContainsKey(name))
        {
            TorchCheckpoint checkpoint = TorchCheckpoint.Read(path);
            if (entry.TryGetProperty("content", out JsonElement content))
            {
                CheckpointContents.AssertTensors(content, checkpoint.Tensors, path);
                AssertValues(content, checkpoint.Values);
            }
            else
            {
                var arrays = Npz.Read(path + ".expected.npz");
                Assert.Equal(arrays.Keys, checkpoint.Tensors.Keys);
                Assert.All(arrays, p => Assert.Equal(p.Value.ToFloat32(), checkpoint.Tensors[p.Key].ToFloat32()));
            }

            return;
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidDataException>(() => TorchCheckpoint.Read(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        string reason = Reasons.GetValueOrDefault(name) ?? MayRefuse[name];
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        if (!name.StartsWith("bad_", StringComparison.Ordinal)) Assert.Contains("nothing was executed", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists("PWNED"));
    }

    [Fact]
    public void Every_file_of_the_contents_is_there()
    {
        string folder = Golden.Path("checkpoints");
        using var contents = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "contents.json")));
        var stated = contents.RootElement.EnumerateObject().Select(p => p.Name).Where(n => n.EndsWith(".pt", StringComparison.Ordinal));
        Assert.Equal(stated.Order(StringComparer.Ordinal), Directory.GetFiles(folder, "*.pt").Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Weights_are_found_by_extension()
    {
        var weights = WeightFile.Read(Path.Combine(Golden.Path("checkpoints"), "train_ckpt.pt"));
        Assert.Equal([16L, 4, 2, 2], weights["model/x_proj.weight"].Shape);
    }

    [Fact]
    public void A_missing_file_is_just_missing() =>
        Assert.Throws<FileNotFoundException>(() => TorchCheckpoint.Read(Path.Combine(Golden.Root, "no-such.pt")));

    private static void AssertValues(JsonElement content, IReadOnlyDictionary<string, object?> values)
    {
        foreach (var item in content.EnumerateObject())
        {
            string kind = item.Value.GetProperty("kind").GetString()!;
            if (kind is "tensor" or "list" or "tuple" or "dict") continue;
            if (kind == "set")
            {
                Assert.Equal(1L, values[item.Name + "/0"]);
                continue;
            }

            string text = values[item.Name] switch
            {
                null => "None",
                bool flag => flag ? "True" : "False",
                long whole => whole.ToString(CultureInfo.InvariantCulture),
                BigInteger big => big.ToString(CultureInfo.InvariantCulture),
                double.PositiveInfinity => "inf",
                double number => number.ToString("R", CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal),
                string word => kind == "device" ? $"device(type='{word}')" : $"'{word}'",
                byte[] bytes => $"b'{string.Concat(bytes.Select(b => $"\\x{b:x2}"))}'",
                long[] size => $"torch.Size([{string.Join(", ", size)}])",
                ElementType type => $"torch.{type.ToString().ToLowerInvariant()}",
                var other => other.GetType().Name,
            };
            Assert.Equal(item.Value.GetProperty("value").GetString(), text);
        }
    }
}
