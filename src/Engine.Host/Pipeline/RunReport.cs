using System.Globalization;
using Engine.Host.Reports;
using Engine.Runtime.Policies;

namespace Engine.Host.Pipeline;

/// <summary>A run for people: <c>report.html</c>, and the few lines that a terminal shows.</summary>
public static class RunReport
{
    /// <summary>Writes the report of a quickstart, self-contained.</summary>
    public static void Write(LearningRun run, RunSummary summary)
    {
        var dream = run.MeasureDream();
        var reward = run.TrainReward();
        var online = run.TrainOnline();
        var report = new ReportBuilder("From demonstrations to a policy improved in its dream");
        report.Paragraph("A scripted expert showed the task, a diffusion world model learnt what actions do, a reward and a success classifier were learnt from labels, "
            + "a policy was cloned, then improved offline and by PPO inside the dream. Every success below was measured in the real simulator, on the same seeds for every policy.");
        report.Figures(
            ("cloned", Percent(summary.Policies["bc"]["in_distribution"].Success), "in distribution"),
            ("offline actor-critic", Percent(summary.Policies["offline"]["in_distribution"].Success), Difference(summary, "offline-bc")),
            ("PPO in the dream", Percent(summary.Policies["online"]["in_distribution"].Success), Difference(summary, "online-bc")),
            ("served round trip", $"{summary.Serve.P50Ms:F2} ms", $"p99 {summary.Serve.P99Ms:F2} ms"));
        if (!summary.Gate.Holds)
            report.Callout($"The calibration gate did not hold: in the dream the cloned policy succeeds {Percent(summary.Gate.Imagined)}, for real {Percent(summary.Gate.Real)} (ratio {summary.Gate.Ratio:F2}).", true);

        report.Heading("Policies in the real simulator");
        var chart = new IntervalChart("Success by variation (95 % intervals)", "success") { Min = 0, Max = 1 };
        foreach (var (policy, variations) in summary.Policies)
            foreach (var (variation, figures) in variations) chart.Add(variation, policy, figures.Success, figures.Low, figures.High);
        report.Chart(chart);
        report.Table(["policy", "variation", "n", "success", "95 % interval", "intention", "wrong object", "grasp", "move"], summary.Policies.SelectMany(p => p.Value.Select(v => (IReadOnlyList<string>)
            [p.Key, v.Key, v.Value.N.ToString(CultureInfo.InvariantCulture), Percent(v.Value.Success), $"{Percent(v.Value.Low)} – {Percent(v.Value.High)}", Percent(v.Value.Intention), Percent(v.Value.WrongObject), Percent(v.Value.Grasp), Percent(v.Value.Move)])));
        report.Table(["pair", "variation", "difference", "95 % interval"], summary.Paired.SelectMany(p => p.Value.Select(v => (IReadOnlyList<string>)
            [p.Key, v.Key, v.Value.Difference.ToString("+0.000;-0.000", CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture, $"[{v.Value.Low:+0.000;-0.000}, {v.Value.High:+0.000;-0.000}]")])), "Paired differences on the same seeds (bootstrap)");

        report.Heading("The dream");
        report.Gallery(dream.Pictures.Select(path => ReportPicture.From(File.ReadAllBytes(path), "truth | dream", 1)));
        report.Chart(new LineChart("Dream against recording, held-out episodes", "frames ahead", "PSNR (dB)")
            .Line("dream", Ahead(dream.Psnr), dream.Psnr).Line("repeating the first frame", Ahead(dream.Psnr), dream.PsnrRepeatLast, isDashed: true)
            .Line("autoencoder alone", Ahead(dream.Psnr), dream.PsnrAutoencoder, isDashed: true));
        report.Paragraph($"Action sensitivity {dream.ActionSensitivity:F2} dB: so much nearer is a dream to the truth under the recorded actions than under another episode's. SSIM by horizon: {string.Join(", ", dream.Ssim.Select(s => s.ToString("F3", CultureInfo.InvariantCulture)))}.");

        report.Heading("Reward and success");
        report.Paragraph($"On {reward.HeldOutEpisodes} held-out episodes: AUC of the predicted return {reward.Auc:F3}, correlation of the dense reward with progress {reward.ProgressCorrelation:F3}; classifier F1 {reward.F1:F3} (precision {reward.Precision:F3}, recall {reward.Recall:F3}) at threshold {reward.Threshold:F2}.");
        foreach (var example in reward.Examples)
            report.Chart(new LineChart($"“{example.Instruction}” ({(example.Success ? "success" : "failure")})", "frame", "")
                .Line("success probability", Doubles(example.Probabilities)).Line("progress (truth)", [.. example.Progress.Select((_, i) => (double)i)], Doubles(example.Progress), isDashed: true)
                .Line("dense reward", [.. example.Rewards.Select((_, i) => i + 1.0)], Doubles(example.Rewards)));

        report.Heading("Learning");
        if (online.Ran)
        {
            var updates = online.Iterations.Select(i => (double)i.Iteration).ToArray();
            var curve = new LineChart("PPO in the dream", "iteration", "success") { YMin = 0, YMax = 1 }.Line("imagined", updates, [.. online.Iterations.Select(i => i.ImaginedSuccess)]);
            var checks = online.Iterations.Where(i => i.RealSuccess is not null).ToArray();
            if (checks.Length > 0) curve.Points("real (check seeds)", [.. checks.Select(i => (double)i.Iteration)], [.. checks.Select(i => i.RealSuccess!.Value)]);
            report.Chart(curve);
            report.Chart(new LineChart("PPO diagnostics", "iteration", "").Line("KL to the cloned policy", updates, [.. online.Iterations.Select(i => i.KlToStart)])
                .Line("clip fraction", updates, [.. online.Iterations.Select(i => i.ClipFraction)]).Line("explained variance", updates, [.. online.Iterations.Select(i => Math.Max(-1, i.ExplainedVariance))]));
            if (online.KeptIteration == 0)
                report.Callout("No checked policy was better on the check seeds than the cloned one, so the policy named online is the cloned one.", true);
            report.Paragraph($"Kept: the policy after {online.KeptIteration} updates, the best on the check seeds ({Percent(online.KeptCheck)}), which are not those of the comparison above.");
        }
        else
        {
            report.Callout("PPO was refused by the calibration gate; the policy named online is the cloned one.", true);
        }

        report.Details("Loss curves", d =>
        {
            d.Chart(new LineChart("autoencoder", "", "loss") { IsLogarithmic = true }.Line("loss", Doubles(run.TrainAutoencoder().Losses)));
            d.Chart(new LineChart("world model", "", "loss") { IsLogarithmic = true }.Line("loss", Doubles(run.TrainWorldModel().Losses)));
            d.Chart(new LineChart("cloning", "", "loss").Line("loss", Doubles(run.Clone().Losses)));
        });
        report.Details("Run", d =>
        {
            d.Table(["stage", "seconds"], summary.Stages.Select(s => (IReadOnlyList<string>)[s.Name, s.Seconds.ToString("F1", CultureInfo.InvariantCulture)]));
            d.Table(["what", "sha256"], summary.Hashes.Select(h => (IReadOnlyList<string>)[h.Key, h.Value]));
            d.Table(["part", "version"], summary.Versions.Select(v => (IReadOnlyList<string>)[v.Key, v.Value]));
            d.Paragraph($"Seed {summary.Seed}; peak memory {summary.PeakMemoryMb} MiB.");
        });
        report.Heading("Next").Code(string.Join('\n', NextCommands(run.Folder.Path)));
        report.Save(run.Folder.At("report.html"));
    }

    /// <summary>The result in a few lines, and what to try next.</summary>
    public static void Print(LearningRun run, RunSummary summary, TextWriter output)
    {
        output.WriteLine();
        foreach (var (policy, variations) in summary.Policies)
            output.WriteLine($"{policy,-8} " + string.Join("   ", variations.Select(v => $"{v.Key} {Percent(v.Value.Success)}")));
        if (run.TrainOnline() is { Ran: true, KeptIteration: 0 }) output.WriteLine("PPO in the dream: no checked policy beat the cloned one, which was kept");
        foreach (var (pair, variations) in summary.Paired)
            output.WriteLine($"{pair}: " + string.Join("   ", variations.Select(v => string.Create(CultureInfo.InvariantCulture, $"{v.Key} {v.Value.Difference:+0.000;-0.000} [{v.Value.Low:+0.000;-0.000}, {v.Value.High:+0.000;-0.000}]"))));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"served over WebSocket: p50 {summary.Serve.P50Ms:F2} ms, p99 {summary.Serve.P99Ms:F2} ms a round trip"));
        output.WriteLine($"report:  {run.Folder.At("report.html")}");
        output.WriteLine($"summary: {run.Folder.At("summary.json")}");
        output.WriteLine("next:");
        foreach (string command in NextCommands(run.Folder.Path)) output.WriteLine("  " + command);
    }

    private static string[] NextCommands(string folder) =>
    [
        $"./engine serve --policy {Path.Combine(folder, "policies", "online")}",
        $"./engine data show {Path.Combine(folder, "data", "play")}",
        "./engine quickstart --out runs/push task=push",
    ];

    private static string Difference(RunSummary summary, string pair)
    {
        var d = summary.Paired[pair]["in_distribution"];
        return string.Create(CultureInfo.InvariantCulture, $"{d.Difference:+0.000;-0.000} [{d.Low:+0.000;-0.000}, {d.High:+0.000;-0.000}] against cloned");
    }

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static double[] Ahead(double[] values) => [.. values.Select((_, i) => i + 1.0)];

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);
}
