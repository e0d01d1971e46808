using System.Runtime.InteropServices;
using Engine.Runtime.Interop;
using Engine.Simulation.Evaluation;
using Engine.Simulation.MuJoCo;

namespace Engine.Host.Evaluation;

/// <summary>
/// What <c>eval.json</c> holds; keys in snake_case, <c>policies</c> and <c>paired</c> as in a run's <c>summary.json</c>. A variation's key is
/// its name, with the task before it (<c>push/lighting</c>) where the suite has several; <c>all</c> pools every episode where there is
/// more than one of them.
/// </summary>
public sealed record SuiteResults
{
    /// <summary>Key of all episodes together.</summary>
    public const string All = "all";

    public required EvaluationSuite Suite { get; init; }

    /// <summary>The policy that the others are compared with.</summary>
    public required string Baseline { get; init; }

    /// <summary>By policy and variation.</summary>
    public required Dictionary<string, Dictionary<string, Figures>> Policies { get; init; }

    /// <summary>By pair (<c>online-bc</c>: online minus bc) and variation.</summary>
    public required Dictionary<string, Dictionary<string, PairedComparison>> Paired { get; init; }

    /// <summary>Where each policy comes from.</summary>
    public required Dictionary<string, Source> Sources { get; init; }

    public required Dictionary<string, string> Versions { get; init; }

    public required SpeedFigures Speed { get; init; }

    /// <summary>Measures of one policy in one variation; intervals are Wilson's at 95 %.</summary>
    /// <param name="N">Episodes.</param>
    /// <param name="Success">The goal held at the end.</param>
    /// <param name="Low">Lower end of the success's interval.</param>
    /// <param name="High">Upper end.</param>
    /// <param name="Intention">The named object was approached first.</param>
    /// <param name="WrongObject">Another object was grasped or touched.</param>
    /// <param name="Grasp">The named object was grasped or touched.</param>
    /// <param name="Move">The named object was moved.</param>
    /// <param name="EverSuccess">The goal held at some step.</param>
    /// <param name="MeanSteps">Mean number of control steps.</param>
    /// <param name="Intervals">Low and high of the other measures.</param>
    public sealed record Figures(
        int N, double Success, double Low, double High, double Intention, double WrongObject, double Grasp, double Move, double EverSuccess, double MeanSteps, Dictionary<string, double[]> Intervals)
    {
        public static Figures Of(EvaluationSummary s) => new(
            s.Success.Total, s.Success.Rate, s.Success.Low, s.Success.High, s.Intention.Rate, s.WrongObject.Rate, s.Grasp.Rate, s.Move.Rate, s.EverSuccess.Rate, s.MeanSteps,
            new()
            {
                ["intention"] = [s.Intention.Low, s.Intention.High],
                ["wrong_object"] = [s.WrongObject.Low, s.WrongObject.High],
                ["grasp"] = [s.Grasp.Low, s.Grasp.High],
                ["move"] = [s.Move.Low, s.Move.High],
                ["ever_success"] = [s.EverSuccess.Low, s.EverSuccess.High],
            });
    }

    /// <param name="Location">Folder or address.</param>
    /// <param name="Hash">SHA-256 of model and contract; null for a server and for the expert.</param>
    /// <param name="Contract">Name in the contract; null for the expert.</param>
    public sealed record Source(string Location, string? Hash, string? Contract);

    /// <param name="Simulated">Episodes that this call ran.</param>
    /// <param name="Taken">Episodes taken from earlier calls.</param>
    /// <param name="Seconds">Time of the simulated ones (s).</param>
    /// <param name="EpisodesPerSecond">Their ratio; null where none was simulated.</param>
    /// <param name="Environments">Environments at once.</param>
    public sealed record SpeedFigures(int Simulated, int Taken, double Seconds, double? EpisodesPerSecond, int Environments);

    /// <summary>Sums up the episodes of every policy; the first is the baseline.</summary>
    public static SuiteResults Of(
        EvaluationSuite suite, IReadOnlyList<EvaluatedPolicy> policies, IReadOnlyDictionary<string, IReadOnlyList<EpisodeResult>> results, SpeedFigures speed)
    {
        string baseline = policies[0].Name;
        var figures = policies.ToDictionary(policy => policy.Name, policy => EvaluationSummary.Of(Pooled(suite, results[policy.Name])).ToDictionary(s => Key(suite, s.Task, s.Variation), Figures.Of));
        var paired = policies.Skip(1).ToDictionary(policy => $"{policy.Name}-{baseline}", policy => Compare(suite, results[baseline], results[policy.Name]));
        return new SuiteResults
        {
            Suite = suite,
            Baseline = baseline,
            Policies = figures,
            Paired = paired,
            Sources = policies.ToDictionary(policy => policy.Name, policy => new Source(policy.Location, policy.Contract is null ? null : policy.Hash, policy.Contract?.Name)),
            Versions = new()
            {
                ["engine"] = typeof(SuiteResults).Assembly.GetName().Version!.ToString(3),
                ["dotnet"] = RuntimeInformation.FrameworkDescription,
                ["onnxruntime"] = OnnxRuntimeLibrary.TryFind() is null ? "absent" : OnnxRuntimeLibrary.Version,
                ["mujoco"] = $"{MujocoLibrary.Version / 100}.{MujocoLibrary.Version / 10 % 10}.{MujocoLibrary.Version % 10}",
                ["simulator"] = OutcomeStore.Simulator,
            },
            Speed = speed,
        };
    }

    private static Dictionary<string, PairedComparison> Compare(EvaluationSuite suite, IReadOnlyList<EpisodeResult> first, IReadOnlyList<EpisodeResult> second) => Pooled(suite, first)
        .Zip(Pooled(suite, second))
        .GroupBy(pair => Key(suite, pair.First.Spec.Task, pair.First.Spec.Variation))
        .ToDictionary(group => group.Key, group => Statistics.Compare([.. group.Select(pair => pair.First.Outcome.Success)], [.. group.Select(pair => pair.Second.Outcome.Success)]));

    /// <summary>The results, and where there is more than one group, all of them once more under <see cref="All"/>.</summary>
    private static IEnumerable<EpisodeResult> Pooled(EvaluationSuite suite, IReadOnlyList<EpisodeResult> results) =>
        suite.Tasks.Length * suite.Variations.Length == 1 ? results : results.Concat(results.Select(result => result with { Spec = new(All, All, result.Spec.Seed) }));

    private static string Key(EvaluationSuite suite, string task, string variation) => suite.Tasks.Length == 1 || task == All ? variation : $"{task}/{variation}";
}
