using Engine.Runtime.Contract;

namespace Engine.Simulation.Evaluation;

/// <summary>INT-ACT's measures over the episodes of one task and variation, each with Wilson's 95 % interval.</summary>
public sealed record EvaluationSummary
{
    /// <summary>Task family.</summary>
    public required string Task { get; init; }

    /// <summary>Variation.</summary>
    public required string Variation { get; init; }

    /// <summary>The goal held at the end.</summary>
    public required Proportion Success { get; init; }

    /// <summary>The goal held at some step.</summary>
    public required Proportion EverSuccess { get; init; }

    /// <summary>The named object was approached first.</summary>
    public required Proportion Intention { get; init; }

    /// <summary>Another object was grasped or touched.</summary>
    public required Proportion WrongObject { get; init; }

    /// <summary>The named object was grasped or touched.</summary>
    public required Proportion Grasp { get; init; }

    /// <summary>The named object was moved.</summary>
    public required Proportion Move { get; init; }

    /// <summary>Mean number of control steps.</summary>
    public required double MeanSteps { get; init; }

    /// <summary>One summary per task and variation, in the order in which they first occur.</summary>
    public static IReadOnlyList<EvaluationSummary> Of(IEnumerable<EpisodeResult> results) =>
        [.. results.GroupBy(result => (result.Spec.Task, result.Spec.Variation)).Select(group => One(group.Key.Task, group.Key.Variation, [.. group.Select(result => result.Outcome)]))];

    private static EvaluationSummary One(string task, string variation, EpisodeOutcome[] outcomes) => new()
    {
        Task = task,
        Variation = variation,
        Success = Rate(outcomes, outcome => outcome.Success),
        EverSuccess = Rate(outcomes, outcome => outcome.EverSuccess),
        Intention = Rate(outcomes, outcome => outcome.Intention),
        WrongObject = Rate(outcomes, outcome => outcome.WrongObject),
        Grasp = Rate(outcomes, outcome => outcome.Grasp),
        Move = Rate(outcomes, outcome => outcome.Move),
        MeanSteps = outcomes.Average(outcome => (double)outcome.Steps),
    };

    private static Proportion Rate(EpisodeOutcome[] outcomes, Func<EpisodeOutcome, bool> measure) => Statistics.Wilson(outcomes.Count(measure), outcomes.Length);
}
