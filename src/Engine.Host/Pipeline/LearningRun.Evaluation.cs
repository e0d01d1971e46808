using Engine.Runtime.Contract;
using Engine.Simulation.Evaluation;
using Engine.Training.Rollouts;

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

                var share = Proportion.Of(outcomes.Count(o => o.Success), n);
                results[name][variation] = new VariationResult(n, share.Success, share.Low, share.High, Rate(o => o.Intention), Rate(o => o.WrongObject), Rate(o => o.Grasp), Rate(o => o.Move), [.. outcomes.Select(o => o.Success)]);
                double Rate(Func<EpisodeOutcome, bool> holds) => outcomes.Count(holds) / (double)n;
            }
        }

        var paired = new Dictionary<string, Dictionary<string, PairedResult>>();
        foreach (string name in policies.Where(p => p != "bc"))
            paired[$"{name}-bc"] = variations.ToDictionary(v => v, v => PairedComparison.Of(results["bc"][v].Successes, results[name][v].Successes, _settings.Seed));
        return new EvaluationResult(results, paired);
    });

    private IPolicy OpenPolicy(string name) => new TorchPolicy(Policy(name), Encoding.Contract);
}
