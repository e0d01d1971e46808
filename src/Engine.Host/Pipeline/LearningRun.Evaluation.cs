using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Runtime.Contract;
using Engine.Runtime.Policies;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    /// <summary>Stage 7: the policies in the real simulator, on the same seeds, in distribution and under every variation.</summary>
    public EvaluationResult Evaluate(string[] policies, string[] after) => Folder.Stage("evaluate", new { _settings.Evaluation, policies }, after, _progress, () =>
    {
        var variations = _settings.Evaluation.Variations;
        int n = _settings.Evaluation.Episodes;
        var results = new Dictionary<string, Dictionary<string, VariationResult>>();
        using var task = _progress.Begin("evaluate", (long)policies.Length * variations.Count * n, "episodes");
        foreach (string name in policies)
        {
            using var policy = OpenPolicy(name);
            results[name] = [];
            foreach (string variation in variations)
            {
                var outcomes = new List<EpisodeOutcome>();
                foreach (var result in EpisodeRunner.Run(World, Specs(n, _seeds.Evaluation, variation), new PolicyActor(policy), null, _cancellation))
                {
                    outcomes.Add(result.Outcome);
                    task.Advance(1, $"{name}, {variation}");
                }

                var share = Statistics.Wilson(outcomes.Count(o => o.Success), n);
                results[name][variation] = new VariationResult(n, share.Rate, share.Low, share.High, Rate(o => o.Intention), Rate(o => o.WrongObject), Rate(o => o.Grasp), Rate(o => o.Move), [.. outcomes.Select(o => o.Success)]);
                double Rate(Func<EpisodeOutcome, bool> holds) => outcomes.Count(holds) / (double)n;
            }
        }

        var paired = new Dictionary<string, Dictionary<string, PairedComparison>>();
        foreach (string name in policies.Where(p => p != "bc"))
            paired[$"{name}-bc"] = variations.ToDictionary(v => v, v => Statistics.Compare(results["bc"][v].Successes, results[name][v].Successes, _settings.Seed));
        return new EvaluationResult(results, paired);
    });

    /// <summary>A trained policy as it is served: its exported graph in ONNX Runtime.</summary>
    private OnnxPolicy OpenPolicy(string name) => PolicyDirectory.Load(Folder.At("policies", name));

    /// <summary>Stage 8: serve the best policy over openpi's WebSocket protocol and let the simulator drive itself through the socket.</summary>
    public ServeResult ServeCheck() => Folder.Stage("serve", _settings.Serve, ["evaluate"], _progress, () =>
    {
        var evaluation = Evaluate(QuickstartPolicies, QuickstartStages);
        string best = evaluation.Policies.MaxBy(p => p.Value["in_distribution"].Success).Key;
        using var policy = OpenPolicy(best);
        return Serve(policy, best).GetAwaiter().GetResult();
    });

    private async Task<ServeResult> Serve(OnnxPolicy policy, string name)
    {
        await using var server = await PolicyServer.StartAsync(policy, new ServeOptions { Port = 0 }, _cancellation).ConfigureAwait(false);
        using var remote = await ServedPolicy.ConnectAsync(server.Uri, cancellationToken: _cancellation).ConfigureAwait(false);
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 1, Cameras = [_settings.Camera] });
        var results = EpisodeRunner.Run(world, Specs(_settings.Serve.Episodes, _seeds.Serve), new PolicyActor(remote), null, _cancellation).ToArray();
        return new ServeResult(name, remote.Times.P50, remote.Times.P99, remote.Times.Count, results.Count(r => r.Outcome.Success) / (double)results.Length, results.Length);
    }
}
