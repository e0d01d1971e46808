using System.Globalization;
using Engine.Host.Commands;
using Engine.Host.Pipeline;
using Engine.Host.Reports;

namespace Engine.Host.Evaluation;

/// <summary>The results of a suite for people and programs: tables on the terminal, <c>eval.json</c>, <c>eval.md</c>.</summary>
public static class SuiteReport
{
    private static readonly string[] PolicyHeaders = ["policy", "variation", "n", "success", "95 % interval", "intention", "wrong object", "grasp", "move"];
    private static readonly string[] PairHeaders = ["pair", "variation", "difference", "95 % interval", "baseline only", "other only", "p (McNemar)"];

    /// <summary>Writes <c>eval.json</c> and <c>eval.md</c>; each whole or not at all.</summary>
    public static void Write(string folder, SuiteResults results, string command)
    {
        RunFolder.Write(Path.Combine(folder, "eval.json"), results);
        var suite = results.Suite;
        var report = new ReportBuilder($"Evaluation: {suite.Name}");
        if (suite.Description.Length > 0) report.Paragraph(suite.Description);
        report.Paragraph(string.Create(CultureInfo.InvariantCulture,
            $"Tasks {string.Join(", ", suite.Tasks)}; {suite.Episodes} episodes of each task in each variation, seeds {suite.FirstSeed} … {suite.FirstSeed + (ulong)suite.Episodes - 1}, the same for every policy; temperature {suite.Temperature}."));
        report.Table(PolicyHeaders, PolicyRows(results), "Intervals are Wilson's at 95 %. The measures are INT-ACT's: docs/evaluation.md defines them.");
        if (results.Paired.Count > 0)
            report.Table(PairHeaders, PairRows(results), $"Success on the same episodes, minus that of {results.Baseline}; intervals by bootstrap over the episodes.");
        report.Heading("Where the policies come from").Table(
            ["policy", "location", "contract", "sha256"], results.Sources.Select(source => (IReadOnlyList<string>)[source.Key, source.Value.Location, source.Value.Contract ?? "", source.Value.Hash ?? ""]));
        report.Heading("Again").Code(command);
        report.SaveMarkdown(Path.Combine(folder, "eval.md"));
    }

    /// <summary>Prints the tables, the speed and where the files are.</summary>
    public static void Print(TextWriter output, string folder, SuiteResults results)
    {
        TextTable.Print(output, PolicyHeaders, [.. PolicyRows(results)]);
        if (results.Paired.Count > 0)
        {
            output.WriteLine();
            TextTable.Print(output, PairHeaders, [.. PairRows(results)]);
        }

        output.WriteLine();
        var speed = results.Speed;
        string taken = speed.Taken > 0 ? $", {speed.Taken} taken from an earlier run" : "";
        output.WriteLine(speed.EpisodesPerSecond is { } rate
            ? string.Create(CultureInfo.InvariantCulture, $"{speed.Simulated} episodes in {speed.Seconds:0.0} s, {rate:0.0} episodes/s with {speed.Environments} environments{taken}")
            : $"no episodes had to be run{taken}");
        output.WriteLine($"results: {Path.Combine(folder, "eval.json")}, {Path.Combine(folder, "eval.md")}");
    }

    private static IEnumerable<IReadOnlyList<string>> PolicyRows(SuiteResults results) => results.Policies.SelectMany(policy => policy.Value.Select(entry =>
    {
        var f = entry.Value;
        return (IReadOnlyList<string>)
            [policy.Key, entry.Key, f.N.ToString(CultureInfo.InvariantCulture), Percent(f.Success), $"{Percent(f.Low)} – {Percent(f.High)}", Percent(f.Intention), Percent(f.WrongObject), Percent(f.Grasp), Percent(f.Move)];
    }));

    private static IEnumerable<IReadOnlyList<string>> PairRows(SuiteResults results) => results.Paired.SelectMany(pair => pair.Value.Select(entry =>
    {
        var c = entry.Value;
        return (IReadOnlyList<string>)
        [
            pair.Key, entry.Key, Signed(c.Difference), $"[{Signed(c.Low)}, {Signed(c.High)}]", c.OnlyFirst.ToString(CultureInfo.InvariantCulture), c.OnlySecond.ToString(CultureInfo.InvariantCulture),
            c.PValue.ToString(c.PValue < 0.001 ? "0.0e0" : "0.000", CultureInfo.InvariantCulture),
        ];
    }));

    private static string Percent(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    private static string Signed(double difference) => difference.ToString("+0.000;-0.000;0.000", CultureInfo.InvariantCulture);
}
