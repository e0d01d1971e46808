using Engine.Host.Configuration;
using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;

namespace Engine.Host.Commands;

/// <summary>Policies by the names that clients may use: a client never names a path.</summary>
public static class PolicyCatalogue
{
    private sealed class Entries
    {
        /// <summary>Name: what <c>--policy</c> takes; folders are relative to the file.</summary>
        public Dictionary<string, string> Policies { get; set; } = [];
    }

    /// <summary>Reads <c>policies: {name: folder, …}</c> and checks that each is there; it is loaded when it is asked for.</summary>
    /// <exception cref="FileNotFoundException">The file, or the policy of an entry, is missing.</exception>
    /// <exception cref="UsageException">It has no entries.</exception>
    public static IReadOnlyDictionary<string, Func<IPolicy>> Read(string file, OnnxSessionOptions options)
    {
        var entries = ConfigurationLoader.Load<Entries>(file, []).Policies;
        if (entries.Count == 0) throw new UsageException($"{file} names no policies; expected policies: {{name: folder, …}}");
        string root = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var catalogue = new Dictionary<string, Func<IPolicy>>(StringComparer.Ordinal);
        foreach (var (name, given) in entries)
        {
            string place = Serving.BuiltInPolicies.Names.Contains(given) ? given : Path.Combine(root, given);
            if (place != given && PolicyLocation.FolderOf(place) is null) throw new FileNotFoundException($"{file}, '{name}': {PolicyLocation.Explain(place)}", place);
            catalogue.Add(name, () => PolicyLocation.Load(place, options));
        }

        return catalogue;
    }
}
