using System.Globalization;
using Engine.Host.Configuration;
using Engine.Host.Reports;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Simulation.Evaluation;
using Engine.Training.Algorithms;

namespace Engine.Host.Pipeline;

/// <summary>
/// Does reinforcement learning in the dream improve a policy in the real simulator? The whole loop over several training seeds, each with its
/// own data and its own fresh evaluation seeds, every arm on the same episodes.
/// </summary>
public static class ImaginationExperiment
{
    private const int Resamples = 10_000;

    /// <summary>Runs (or continues) every seed in a folder of its own and writes the report beside them.</summary>
    public static void Run(string folder, EngineSettings settings, IProgressReporter progress, TextWriter output, CancellationToken cancellation)
    {
        var results = new List<SeedResult>();
        for (int k = 0; k < settings.Experiment.Seeds; k++)
        {
            settings.Seed = settings.Experiment.FirstSeed + (ulong)k;
            progress.Note($"training seed {settings.Seed} ({k + 1} of {settings.Experiment.Seeds})");
            using var run = new LearningRun(new RunFolder(Path.Combine(folder, $"seed-{settings.Seed}")), settings, progress, cancellation);
            results.Add(run.RunSeed());
        }

        Report(folder, settings, results, output);
    }

    private static void Report(string folder, EngineSettings settings, List<SeedResult> results, TextWriter output)
    {
        string[] arms = [.. results[0].Evaluation.Policies.Keys];
        var differences = arms[1..].ToDictionary(arm => $"{arm}-bc", arm => settings.Evaluation.Variations.ToDictionary(v => v, v => Pool(results, "bc", arm, v)));
        differences["online-bc_more"] = settings.Evaluation.Variations.ToDictionary(v => v, v => Pool(results, "bc_more", "online", v));
        if (settings.Experiment.SecondRound) differences["online_again-online"] = settings.Evaluation.Variations.ToDictionary(v => v, v => Pool(results, "online", "online_again", v));
        var checkpoints = results.SelectMany(r => r.Checkpoints).ToArray();
        double pearson = Statistics.Pearson([.. checkpoints.Select(c => c.Imagined)], [.. checkpoints.Select(c => c.Real)]);
        double violation = Statistics.MeanMaximumRankViolation([.. checkpoints.Select(c => c.Imagined)], [.. checkpoints.Select(c => c.Real)]);
        string judgement = double.IsNaN(pearson) ? "one of the two never changes, so there is no correlation" : $"Pearson r = {Number(pearson, "0.00")}, mean maximum rank violation {Number(violation, "0.000")}";
        RunFolder.Write(Path.Combine(folder, "summary.json"), new
        {
            Task = settings.Task,
            Seeds = results.Select(r => r.Seed).ToArray(),
            settings.Evaluation.Episodes,
            Differences = differences,
            CheckpointPearson = pearson,
            CheckpointRankViolation = violation,
            Gates = results.Select(r => r.Gate).ToArray(),
            Checkpoints = checkpoints,
            Policies = results.Select(r => r.Evaluation.Policies.ToDictionary(p => p.Key, p => p.Value.ToDictionary(v => v.Key, v => RunSummary.PolicyFigures.Of(v.Value)))).ToArray(),
        });

        string[] verdicts = [.. settings.Evaluation.Variations.Select(v => Verdict(v, differences["online-bc"][v]))];
        var report = new ReportBuilder($"Reinforcement learning in the dream: {settings.Task}");
        report.Paragraph($"{results.Count} training seeds, each with its own demonstrations ({settings.Collect.Demonstrations}), play ({settings.Collect.Play} episodes) and models; "
            + $"{settings.Evaluation.Episodes} fresh real episodes per seed, arm and variation, the same for every arm. Intervals are 95 %, by a bootstrap over seeds and, within them, episodes. "
            + $"bc: cloned; bc_more: cloned again on demonstrations and own successes (the control); offline: actor-critic on recorded episodes; online: PPO in the dream, the best of its checks on {settings.Evaluation.CheckEpisodes} real episodes of other seeds{(arms.Contains("online_again") ? "; online_again: PPO once more after a round of its own rollouts" : "")}.");
        foreach (string verdict in verdicts) report.Callout(verdict);
        report.Table(["arm", .. settings.Evaluation.Variations], arms.Select(arm => (IReadOnlyList<string>)[arm, .. settings.Evaluation.Variations.Select(v => Number(results.Average(r => r.Evaluation.Policies[arm][v].Success), "0.000"))]), "Success, mean over seeds");
        report.Table(["difference", .. settings.Evaluation.Variations], differences.Select(d => (IReadOnlyList<string>)[d.Key, .. settings.Evaluation.Variations.Select(v => Interval(d.Value[v]))]), "Paired differences of success");
        report.Table(["seed", "arm", .. settings.Evaluation.Variations], results.SelectMany(r => arms.Select(arm => (IReadOnlyList<string>)
            [r.Seed.ToString(CultureInfo.InvariantCulture), arm, .. settings.Evaluation.Variations.Select(v => Number(r.Evaluation.Policies[arm][v].Success, "0.000"))])), "Success by training seed");
        var chart = new IntervalChart("Gain over the cloned policy", "difference of success") { Reference = 0 };
        foreach (var (pair, byVariation) in differences.Where(d => d.Key.EndsWith("-bc", StringComparison.Ordinal)))
            foreach (var (variation, d) in byVariation) chart.Add(variation, pair, d.Difference, d.Low, d.High);
        report.Chart(chart);
        report.Heading("The gate and the dream's judgement");
        report.Table(["seed", "imagined", "real", "ratio", "holds", "dream PSNR at the last horizon (dB)", "repeating", "reward AUC", "kept update"], results.Select(r => (IReadOnlyList<string>)
            [r.Seed.ToString(CultureInfo.InvariantCulture), Number(r.Gate.Imagined, "0.000"), Number(r.Gate.Real, "0.000"), Number(r.Gate.Ratio, "0.00"), r.Gate.Holds ? "yes" : "no", Number(r.Dream.Psnr[^1], "0.0"), Number(r.Dream.PsnrRepeatLast[^1], "0.0"), Number(r.Reward.Auc, "0.000"), r.Online.KeptIteration.ToString(CultureInfo.InvariantCulture)]));
        report.Chart(new LineChart($"Imagined against real success of {checkpoints.Length} checkpoints ({judgement})", "imagined", "real") { YMin = 0, YMax = 1 }
            .Points("checkpoints", [.. checkpoints.Select(c => c.Imagined)], [.. checkpoints.Select(c => c.Real)]));
        foreach (var result in results.Where(r => r.Online.Ran))
        {
            var x = result.Online.Iterations.Select(i => (double)i.Iteration).ToArray();
            var checks = result.Online.Iterations.Where(i => i.RealSuccess is not null).ToArray();
            report.Chart(new LineChart($"PPO in the dream, seed {result.Seed}", "iteration", "success") { YMin = 0, YMax = 1 }.Line("imagined (sampled)", x, [.. result.Online.Iterations.Select(i => i.ImaginedSuccess)])
                .Points("real (greedy, check seeds)", [.. checks.Select(i => (double)i.Iteration)], [.. checks.Select(i => i.RealSuccess!.Value)]));
        }

        report.Heading("Dreams");
        report.Gallery(results.SelectMany(r => r.Dream.Pictures.Take(2)).Select(path => ReportPicture.From(File.ReadAllBytes(path), "truth | dream", 1)));
        report.Heading("How it was run");
        string[] stages = [.. results.SelectMany(r => r.StageSeconds.Keys).Distinct()];
        report.Table(["seed", .. stages, "all"], results.Select(r => (IReadOnlyList<string>)
            [r.Seed.ToString(CultureInfo.InvariantCulture), .. stages.Select(stage => r.StageSeconds.TryGetValue(stage, out double seconds) ? Number(seconds, "0") : "–"), Number(r.StageSeconds.Values.Sum(), "0")]), "Seconds by stage");
        report.Details("Settings", d => d.Code(ConfigurationLoader.ToYaml(settings)));
        report.Save(Path.Combine(folder, "report.html"));
        report.SaveMarkdown(Path.Combine(folder, "report.md"));
        foreach (string verdict in verdicts) output.WriteLine(verdict);
        foreach (var (pair, byVariation) in differences) output.WriteLine($"{pair}: " + string.Join("   ", byVariation.Select(v => $"{v.Key} {Interval(v.Value)}")));
        output.WriteLine($"imagined against real over {checkpoints.Length} checkpoints: {judgement}");
        output.WriteLine($"report: {Path.Combine(folder, "report.html")}");
    }

    private static string Verdict(string variation, PooledDifference d) =>
        (d.Low > 0 ? $"{variation}: PPO in the dream improves on the cloned policy for real" : d.High < 0 ? $"{variation}: PPO in the dream makes the cloned policy worse for real" : $"{variation}: no difference between PPO in the dream and the cloned policy is shown")
        + $", {Interval(d)}.";

    /// <summary>Mean difference (second less first) over seeds and episodes, with a two-level bootstrap interval.</summary>
    public static PooledDifference Pool(IReadOnlyList<SeedResult> results, string first, string second, string variation)
    {
        var differences = results.Select(r =>
        {
            var (a, b) = (r.Evaluation.Policies[first][variation].Successes, r.Evaluation.Policies[second][variation].Successes);
            return a.Select((x, i) => (b[i] ? 1 : 0) - (x ? 1 : 0)).ToArray();
        }).ToArray();
        var random = new PhiloxRandom(new PhiloxKey(0, PhiloxStream.Bootstrap));
        var means = new double[Resamples];
        for (int r = 0; r < Resamples; r++)
        {
            double mean = 0;
            for (int s = 0; s < differences.Length; s++)
            {
                var seed = differences[random.NextInt(differences.Length)];
                int sum = 0;
                for (int i = 0; i < seed.Length; i++) sum += seed[random.NextInt(seed.Length)];
                mean += sum / (double)seed.Length / differences.Length;
            }

            means[r] = mean;
        }

        Array.Sort(means);
        var bySeed = differences.Select(d => d.Average()).ToArray();
        return new PooledDifference(bySeed.Average(), means[(int)(0.025 * Resamples)], means[(int)(0.975 * Resamples)], bySeed);
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Interval(PooledDifference d) => $"{Number(d.Difference, "+0.000;-0.000")} [{Number(d.Low, "+0.000;-0.000")}, {Number(d.High, "+0.000;-0.000")}]";
}
