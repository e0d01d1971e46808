namespace Engine.Runtime.Contract;

/// <summary>INT-ACT's measures of one episode ("From Intention to Execution", arXiv 2506.09930).</summary>
public sealed record EpisodeOutcome
{
    /// <summary>The goal predicate holds at the end.</summary>
    public required bool Success { get; init; }

    /// <summary>The goal predicate held at some step.</summary>
    public required bool EverSuccess { get; init; }

    /// <summary>The gripper came near the named object before any other.</summary>
    public required bool Intention { get; init; }

    /// <summary>A grasp (or, where the task has none, a touch) was attempted on another object.</summary>
    public required bool WrongObject { get; init; }

    /// <summary>The named object was touched or, where the task asks for it, held by both fingers.</summary>
    public required bool Grasp { get; init; }

    /// <summary>The named object was moved by more than the threshold while grasped.</summary>
    public required bool Move { get; init; }

    /// <summary>Control steps taken.</summary>
    public required int Steps { get; init; }
}
