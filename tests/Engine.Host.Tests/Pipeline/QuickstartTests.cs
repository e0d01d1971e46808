using System.Diagnostics;
using System.Text.Json;
using Engine.Host.Commands;
using Engine.Host.Tests.Evaluation;

namespace Engine.Host.Tests.Pipeline;

/// <summary>The whole loop with the real parts and a few steps of training each.</summary>
public sealed class QuickstartTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("engine-quickstart-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task The_same_seed_gives_the_same_hashes_and_a_second_call_changes_nothing()
    {
        UntrainedPolicy.Require();
        string first = await Run("first", 7), again = await Run("again", 7), other = await Run("other", 8);
        Assert.Equal(Hashes(first), Hashes(again));
        Assert.Equal(10, Hashes(first).Count);
        Assert.All(Hashes(first), hash => Assert.NotEqual(hash.Value, Hashes(other)[hash.Key]));

        byte[] summary = File.ReadAllBytes(Path.Combine(first, "summary.json")), report = File.ReadAllBytes(Path.Combine(first, "report.html"));
        var clock = Stopwatch.StartNew();
        await Run("first", 7);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"the second call took {clock.Elapsed}");
        Assert.Equal(summary, File.ReadAllBytes(Path.Combine(first, "summary.json")));
        Assert.Equal(report, File.ReadAllBytes(Path.Combine(first, "report.html")));
    }

    [Fact]
    public async Task Given_data_teaches_what_recorded_data_does()
    {
        UntrainedPolicy.Require();
        string recorded = await Run("recorded", 7, "train", "policy");
        string data = Path.Combine(recorded, "data"), both = $"{Path.Combine(data, "demonstrations")},{Path.Combine(data, "play")}";
        string given = await Run("given", 7, "train", "policy", "--data", both);
        Assert.False(Directory.Exists(Path.Combine(given, "data")));
        foreach (string file in new[] { "models/autoencoder.safetensors", "policies/bc/weights.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(recorded, file)), File.ReadAllBytes(Path.Combine(given, file)));

        // Without play the demonstrations are held out from as well.
        await Run("demonstrations", 7, "train", "policy", "--data", Path.Combine(data, "demonstrations"));
        using var error = new StringWriter();
        Assert.NotEqual(0, await CommandLine.RunAsync(["train", "policy", "--out", Path.Combine(_root, "play"), "--data", Path.Combine(data, "play"), "cloning.steps=1"], TextWriter.Null, error));
        Assert.Contains("none of the 30 episodes is a successful demonstration", error.ToString());
    }

    private async Task<string> Run(string name, int seed, params string[] verb)
    {
        string folder = Path.Combine(_root, name), config = Path.Combine(_root, "config.yaml");
        File.WriteAllText(config, TinyRun.Settings);
        using var error = new StringWriter();
        int code = await CommandLine.RunAsync([.. verb.Length > 0 ? verb : ["quickstart"], "--quiet", "--out", folder, "--config", config, "--seed", $"{seed}"], TextWriter.Null, error);
        Assert.True(code == 0, error.ToString());
        return folder;
    }

    private static Dictionary<string, string> Hashes(string folder)
    {
        using var summary = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "summary.json")));
        return summary.RootElement.GetProperty("hashes").EnumerateObject().ToDictionary(hash => hash.Name, hash => hash.Value.GetString()!);
    }
}
