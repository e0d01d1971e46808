namespace Engine.Host.Pipeline;

/// <summary>Which seeds a run uses for what: ranges that never overlap, other ones for every training seed.</summary>
public readonly record struct SeedPlan(ulong Seed)
{
    private ulong Base => Seed * 100_000_000;

    public ulong Demonstrations => Base + 1_000_000;

    public ulong Play => Base + 2_000_000;

    public ulong Rollouts => Base + 3_000_000;

    public ulong Gate => Base + 4_000_000;

    /// <summary>Checks during PPO, from which the kept checkpoint is chosen.</summary>
    public ulong Check => Base + 5_000_000;

    /// <summary>The final comparison: never looked at before.</summary>
    public ulong Evaluation => Base + 6_000_000;

    public ulong Expert => Base + 7_000_000;

    public ulong Serve => Base + 8_000_000;

    /// <summary>Own rollouts of a later round.</summary>
    public ulong SecondRollouts => Base + 9_000_000;
}
