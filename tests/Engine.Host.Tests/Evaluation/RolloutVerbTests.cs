using System.Text.Json.Nodes;
using Engine.Host.Commands;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;

namespace Engine.Host.Tests.Evaluation;

public sealed class RolloutVerbTests(TinyRun run) : IClassFixture<TinyRun>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-rollout-").FullName;
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Dreams_are_a_data_directory_that_can_be_read_and_shown()
    {
        UntrainedPolicy.Require();
        await Dream("dreams", 6);
        var store = EpisodeStore.Open(At("dreams"));
        var starts = EpisodeStore.Open(Path.Combine(run.Folder, "data", "rollouts"));
        Assert.Equal("dream", store.Info.Source);
        Assert.Equal(6, store.Count);
        var summary = JsonNode.Parse(File.ReadAllText(At("dreams", "rollout.json")))!;
        float threshold = (float)summary["threshold"]!;
        long frames = 0;
        int successes = 0;
        for (int i = 0; i < store.Count; i++)
        {
            var (dream, start) = (store.Read(i), starts.Read(i));
            Assert.Equal(("dream", start.Task, start.Instruction, start.Seed), (dream.Actor, dream.Task, dream.Instruction, dream.Seed));
            Follows(dream, start, store.Info.Embodiment);
            Assert.All(dream.Progress, p => Assert.InRange(p, 0f, 1f));
            Assert.Equal(dream.Terminated, dream.Success);
            Assert.Equal(dream.Success, dream.Progress[^1] > threshold);
            Assert.True(dream.Success || dream.Length == 4, "a dream ends by success or at the limit");
            frames += dream.Length;
            if (dream.Success) successes++;
        }

        Assert.Equal((6, frames, successes / 6.0), ((int)summary["episodes"]!, (long)summary["frames"]!, (double)summary["imagined_success"]!));
        Assert.InRange(successes / 6.0, (double)summary["low"]!, (double)summary["high"]!);
        Assert.Equal("GIF89a"u8.ToArray(), File.ReadAllBytes(At("dreams", "dreams.gif"))[..6]);

        Assert.Equal(0, await Run("data", "show", At("dreams"), "--quiet"));
        Assert.Contains("6 episodes", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("source dream", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_later_call_adds_dreams_and_gives_what_one_call_would_have_given()
    {
        UntrainedPolicy.Require();
        // More dreams than a block of 16 × 1 holds and than there are recorded episodes (12), drawn at a temperature.
        string[] options = ["--temperature", "1", "--envs", "1", "--steps", "2"];
        await Dream("grown", 7, options);
        await Dream("grown", 18, options);
        await Dream("whole", 18, options);
        var (grown, whole) = (EpisodeStore.Open(At("grown")), EpisodeStore.Open(At("whole")));
        Assert.Equal(whole.ContentHash(TestContext.Current.CancellationToken), grown.ContentHash(TestContext.Current.CancellationToken));
        Assert.Equal(18, Enumerable.Range(0, 18).Select(i => whole.Read(i).Seed).Distinct().Count());
        // The same first frame again is another dream.
        var (first, again) = (whole.Read(0), whole.Read(12));
        Assert.Equal(first.Instruction, again.Instruction);
        Assert.NotEqual(first.Actions.Cast<float>(), again.Actions.Cast<float>());

        Assert.Equal(1, await Run("rollout", "--run", run.Folder, "--episodes", "18", "--out", At("grown"), "steps=2", "--environments", "1"));
        Assert.Contains("made otherwise (temperature changed)", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_calls_are_answered_in_a_sentence()
    {
        UntrainedPolicy.Require();
        Assert.Equal(1, await Run("rollout", "--run", run.Folder, "--policy", "onlin", "--out", At("out")));
        Assert.Contains("There is no policy 'onlin': the run has bc", Message(), StringComparison.Ordinal);
        Assert.Equal(1, await Run("rollout", "--run", At("nothing"), "--out", At("out")));
        Assert.Contains("There is no run in", Message(), StringComparison.Ordinal);
        Assert.Equal(2, await Run("rollout", "--run", run.Folder, "--greedy", "--temperature", "1"));
        Assert.Contains("--greedy and --temperature exclude each other", Message(), StringComparison.Ordinal);
        Assert.Equal(1, await Run("rollout", "--run", run.Folder, "--data", At("nowhere"), "--out", At("out")));
        Assert.Contains("there is no such directory", Message(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("out")));
    }

    /// <summary>States and commands follow from the recorded start and the actions, by the embodiment alone.</summary>
    private static void Follows(Episode dream, Episode start, EmbodimentSpec embodiment)
    {
        var command = new float[7];
        var (action, state) = (new float[7], new float[8]);
        for (int i = 0; i < 7; i++) command[i] = start.Commands[0, i];
        for (int t = 0; t <= dream.Length; t++)
        {
            if (t > 0)
            {
                for (int i = 0; i < 7; i++) action[i] = dream.Actions[t - 1, i];
                embodiment.Advance(command, action);
            }

            EmbodimentSpec.ToState(command, state);
            for (int i = 0; i < 7; i++) Assert.Equal(command[i], dream.Commands[t, i]);
            for (int i = 0; i < 8; i++) Assert.Equal(state[i], dream.States[t, i]);
        }
    }

    private async Task Dream(string name, int episodes, params string[] options)
    {
        int code = await Run(["rollout", "--quiet", "--run", run.Folder, "--policy", "bc", "--episodes", $"{episodes}", "--out", At(name), "steps=4", .. options]);
        Assert.True(code == 0, _error.ToString());
    }

    private string Message() => _error.ToString().TrimEnd().Split('\n')[^1];

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    private Task<int> Run(params string[] arguments) => CommandLine.RunAsync(arguments, _output, _error);
}
