using Engine.Host.Commands;

namespace Engine.Host.Tests.Evaluation;

/// <summary>A run of the real pipeline up to its world model, with a few steps of training; made once for the tests that dream.</summary>
public sealed class TinyRun : IAsyncLifetime
{
    internal const string Settings = """
        environments: 8
        collect: {demonstrations: 12, play: 30, rollouts: 12, expert_check: 2}
        autoencoder: {steps: 4, batch: 4, width: 8}
        cloning: {steps: 2, batch: 8}
        world_model: {steps: 2, batch: 2, dim: 32, layers: 1, heads: 2}
        classifier: {steps: 2, batch: 8}
        reward: {steps: 2, batch: 4, hidden: 16}
        offline: {critic_rounds: 1, critic_steps: 2, actor_steps: 2, batch: 8}
        online: {iterations: 2, critic_warmup: 1, environments: 4, rollout_steps: 4, epochs: 1, minibatch: 8, check_every: 1}
        gate: {episodes: 4, override: true}
        evaluation: {episodes: 4, variations: [in_distribution, lighting], check_episodes: 2, dream_horizon: 2}
        serve: {episodes: 1}
        """;

    /// <summary>The run's folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("engine-tiny-run-").FullName;

    /// <inheritdoc />
    public async ValueTask InitializeAsync()
    {
        if (!UntrainedPolicy.CanRun) return;
        File.WriteAllText(Path.Combine(Folder, "tiny.yaml"), Settings);
        using var error = new StringWriter();
        int code = await CommandLine.RunAsync(["train", "world-model", "--quiet", "--out", Folder, "--config", Path.Combine(Folder, "tiny.yaml")], TextWriter.Null, error);
        if (code != 0) throw new InvalidOperationException($"the tiny run failed: {error}");
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
