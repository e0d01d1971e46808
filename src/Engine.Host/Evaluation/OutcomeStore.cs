using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Engine.Host.Pipeline;
using Engine.Runtime.Contract;
using Engine.Simulation.Evaluation;
using Engine.Simulation.MuJoCo;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Evaluation;

/// <summary>
/// Outcomes of finished blocks of episodes in a folder, one JSON file a block, so that a stopped evaluation goes on and a repeated one
/// costs nothing. A block is found again only by the same policy (its hash), simulator (its build and MuJoCo's version), task,
/// variation, seeds and temperature.
/// </summary>
public sealed class OutcomeStore(string folder)
{
    /// <summary>Which simulator: outcomes of another one are not taken.</summary>
    public static string Simulator { get; } = $"{typeof(TabletopEnvironment).Module.ModuleVersionId:N}-{MujocoLibrary.Version}";

    /// <summary>The results of a block, or null where they are not kept.</summary>
    public IReadOnlyList<EpisodeResult>? Find(string policyHash, IReadOnlyList<EpisodeSpec> block, float temperature)
    {
        string file = FileOf(policyHash, block, temperature);
        if (!File.Exists(file)) return null;
        Block kept;
        try
        {
            kept = RunFolder.Load<Block>(file);
        }
        catch (InvalidDataException)
        {
            // A damaged file is as good as none: the episodes are run again and the file is replaced.
            return null;
        }

        if (kept.Policy != policyHash || kept.Simulator != Simulator || kept.Temperature != temperature || kept.Episodes.Length != block.Count) return null;
        return [.. kept.Episodes.Zip(block, (episode, spec) => new EpisodeResult(spec, episode.Instruction, episode.Outcome))];
    }

    /// <summary>Keeps the results of a block.</summary>
    public void Keep(string policyHash, IReadOnlyList<EpisodeSpec> block, float temperature, IReadOnlyList<EpisodeResult> results) => RunFolder.Write(
        FileOf(policyHash, block, temperature),
        new Block(policyHash, Simulator, block[0].Task, block[0].Variation, temperature, [.. results.Select(result => new Kept(result.Spec.Seed, result.Instruction, result.Outcome))]));

    private string FileOf(string policyHash, IReadOnlyList<EpisodeSpec> block, float temperature)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"{policyHash}\n{Simulator}\n{block[0].Task}\n{block[0].Variation}\n{block[0].Seed}\n{block.Count}\n{temperature:R}");
        string key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        return Path.Combine(folder, $"{policyHash[..Math.Min(8, policyHash.Length)]}-{block[0].Task}-{block[0].Variation}-{block[0].Seed}-{key[..12]}.json");
    }

    private sealed record Block(string Policy, string Simulator, string Task, string Variation, float Temperature, Kept[] Episodes);

    private sealed record Kept(ulong Seed, string Instruction, EpisodeOutcome Outcome);
}
