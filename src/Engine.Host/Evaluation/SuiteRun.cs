using System.Diagnostics;
using Engine.Runtime.Contract;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Evaluation;

/// <summary>Runs every policy through every episode of a suite, block by block; finished blocks are kept.</summary>
public sealed class SuiteRun(EvaluationSuite suite, int environments, OutcomeStore store, IProgressReporter progress, CancellationToken cancellation)
{
    /// <summary>Episodes that are run together and kept together: at most this much is lost when a run is stopped.</summary>
    public const int BlockSize = 250;

    private readonly Stopwatch _clock = new();

    /// <summary>Episodes that were simulated, not taken from the store.</summary>
    public int Simulated { get; private set; }

    /// <summary>Episodes that were taken from the store.</summary>
    public int Taken { get; private set; }

    /// <summary>Seconds that the simulated episodes took.</summary>
    public double Seconds => _clock.Elapsed.TotalSeconds;

    /// <summary>The results of every policy by its name, each in the order of <see cref="EvaluationSuite.Specs"/>.</summary>
    /// <exception cref="ArgumentException">The suite names unknown tasks or variations, or nothing.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; finished blocks are kept.</exception>
    public IReadOnlyDictionary<string, IReadOnlyList<EpisodeResult>> Run(IReadOnlyList<EvaluatedPolicy> policies)
    {
        var specs = suite.Specs();
        var blocks = specs.GroupBy(spec => (spec.Task, spec.Variation)).SelectMany(group => group.Chunk(BlockSize)).ToArray();
        using var task = progress.Begin("evaluate", (long)specs.Count * policies.Count, "episodes");
        var all = new Dictionary<string, IReadOnlyList<EpisodeResult>>();
        TabletopEnvironment? world = null;
        TabletopOptions? options = null;
        try
        {
            foreach (var policy in policies)
            {
                var results = new List<EpisodeResult>(specs.Count);
                foreach (var block in blocks)
                {
                    var kept = policy.Hash is null ? null : store.Find(policy.Hash, block, suite.Temperature);
                    if (kept is null)
                    {
                        var wanted = policy.WorldOptions(Math.Min(environments, specs.Count));
                        if (world is null || !Same(wanted, options!))
                        {
                            world?.Dispose();
                            world = new TabletopEnvironment(wanted);
                            options = wanted;
                        }

                        kept = Simulate(world, policy, block, task);
                    }
                    else
                    {
                        Taken += block.Length;
                        task.Advance(block.Length, $"{policy.Name}, {block[0].Task} {block[0].Variation}: kept");
                    }

                    results.AddRange(kept);
                }

                all[policy.Name] = results;
            }
        }
        finally
        {
            world?.Dispose();
        }

        return all;
    }

    private IReadOnlyList<EpisodeResult> Simulate(TabletopEnvironment world, EvaluatedPolicy policy, EpisodeSpec[] block, IProgressTask task)
    {
        _clock.Start();
        var results = PolicyEvaluator.Evaluate(
            world, policy.Actor(suite.Temperature), block, null, new Forwarding(task, $"{policy.Name}, {block[0].Task} {block[0].Variation}"), cancellation);
        _clock.Stop();
        Simulated += block.Length;
        if (policy.Hash is { } hash) store.Keep(hash, block, suite.Temperature, results);
        return results;
    }

    private static bool Same(TabletopOptions a, TabletopOptions b) =>
        a.Count == b.Count && a.Height == b.Height && a.Width == b.Width && a.Cameras.AsSpan().SequenceEqual(b.Cameras);

    /// <summary>Shows the progress of a block as part of the whole.</summary>
    private sealed class Forwarding(IProgressTask whole, string label) : IProgressReporter, IProgressTask
    {
        public IProgressTask Begin(string name, long total, string unit) => this;

        public void Note(string message)
        {
        }

        public void Advance(long units = 1, string? detail = null) => whole.Advance(units, $"{label}: {detail}");

        public void Dispose()
        {
        }
    }
}
