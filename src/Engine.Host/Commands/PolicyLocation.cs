using System.Security.Cryptography;
using Engine.Host.Configuration;
using Engine.Host.Serving;
using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;
using Engine.Runtime.Policies;

namespace Engine.Host.Commands;

/// <summary>Turns what stands behind <c>--policy</c> into a policy: a built-in name, <c>replay:</c> and a recording, a policy's folder, or a run's folder.</summary>
public static class PolicyLocation
{
    private const string Replay = "replay:";

    /// <summary>Loads a policy.</summary>
    /// <param name="name">
    /// A name of <see cref="BuiltInPolicies"/>, <c>replay:</c> and the folder of a recording, a folder with <c>policy.onnx</c> and <c>contract.json</c>, or a run's folder with one policy in <c>policies/</c>.
    /// </param>
    /// <param name="options">Threads of ONNX Runtime.</param>
    /// <exception cref="FileNotFoundException">There is no such policy; the message lists what is near.</exception>
    public static IPolicy Load(string name, OnnxSessionOptions options)
    {
        if (BuiltInPolicies.Names.Contains(name)) return BuiltInPolicies.Create(name);
        if (name.StartsWith(Replay, StringComparison.Ordinal)) return new ReplayPolicy(name[Replay.Length..]);
        return FolderOf(name) is { } folder ? PolicyDirectory.Load(folder, options) : throw new FileNotFoundException(Explain(name), name);
    }

    /// <summary>SHA-256 of a policy's graph; empty for one without.</summary>
    public static string Sha256(string name)
    {
        if (FolderOf(name) is not { } folder) return "";
        using var stream = File.OpenRead(Path.Combine(folder, PolicyDirectory.ModelFileName));
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>The folder of an exported policy that <paramref name="name"/> stands for: itself, or the only one of a run's folder; null for none.</summary>
    public static string? FolderOf(string name)
    {
        if (PolicyDirectory.Exists(name)) return name;
        return Inside(name) is [var only] ? only : null;
    }

    private static List<string> Inside(string folder)
    {
        string policies = Path.Combine(folder, "policies");
        return Directory.Exists(policies) ? Directory.GetDirectories(policies).Where(PolicyDirectory.Exists).Order(StringComparer.Ordinal).ToList() : [];
    }

    /// <summary>Why <paramref name="name"/> stands for no policy, and what is near.</summary>
    public static string Explain(string name)
    {
        var inside = Inside(name);
        if (inside.Count > 1) return $"'{name}' holds several policies; name one of: {string.Join(", ", inside)}.";
        if (!Directory.Exists(name))
            return $"there is no policy '{name}': it is neither a folder nor one of {string.Join(", ", BuiltInPolicies.Names)}.{NearestName.Question(name, BuiltInPolicies.Names)}";
        return File.Exists(Path.Combine(name, PolicyDirectory.WeightsFileName)) && File.Exists(Path.Combine(name, ContractFile.FileName))
            ? $"'{name}' holds a trained policy that has not been exported. Run: ./engine export {name}"
            : $"'{name}' holds no policy: it has no {PolicyDirectory.ModelFileName} with a {ContractFile.FileName}.";
    }
}
