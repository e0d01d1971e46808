namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>
/// From a policy's action chunks to a simulator's actions [7]: un-normalise, ensemble over time, turn roll-pitch-yaw into a rotation vector, apply
/// the gripper's rule. The policy's action is Δx, Δy, Δz (m), Δroll, Δpitch, Δyaw (rad), gripper (1 open, 0 closed). Holds an episode's
/// state; not thread-safe.
/// </summary>
public sealed class ActionAdapter
{
    private const int Width = 7;

    private readonly IGripperRule _gripper;

    /// <summary>An adapter with this gripper rule that changes nothing else but the rotation's form.</summary>
    public ActionAdapter(IGripperRule gripper) => _gripper = gripper;

    /// <summary>Statistics for <see cref="Normalisation"/>; needed unless that is None.</summary>
    public AdapterStatistics? Statistics { get; init; }

    /// <summary>How the policy's numbers are normalised.</summary>
    public AdapterNormalisation Normalisation { get; init; }

    /// <summary>The gripper number is normalised as well (Magma), not only the first six.</summary>
    public bool NormalisedGripper { get; init; }

    /// <summary>Averages overlapping chunks; without one every action of a chunk is taken as it comes.</summary>
    public TemporalEnsemble? Ensemble { get; init; }

    /// <summary>Begins an episode.</summary>
    public void Reset()
    {
        _gripper.Reset();
        Ensemble?.Reset();
    }

    /// <summary>
    /// One control step. <paramref name="policy"/> is one action [7], or a whole chunk where there is an <see cref="Ensemble"/>;
    /// <paramref name="environment"/> [7] receives Δx, Δy, Δz (m), a rotation vector (rad), the gripper command.
    /// </summary>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    /// <exception cref="InvalidOperationException">Normalisation is asked for without statistics.</exception>
    public void Step(ReadOnlySpan<double> policy, Span<double> environment)
    {
        if (environment.Length != Width)
            throw new ArgumentException($"the environment's action has {environment.Length} numbers, expected {Width}", nameof(environment));
        int expected = (Ensemble?.ChunkLength ?? 1) * Width;
        if (policy.Length != expected)
            throw new ArgumentException($"the policy's action has {policy.Length} numbers, expected {expected}", nameof(policy));

        Span<double> chunk = policy.Length <= 64 * Width ? stackalloc double[policy.Length] : new double[policy.Length];
        policy.CopyTo(chunk);
        if (Normalisation != AdapterNormalisation.None)
        {
            AdapterStatistics statistics = Statistics
                ?? throw new InvalidOperationException($"{Normalisation} normalisation needs statistics; set {nameof(Statistics)}");
            for (int at = 0; at < chunk.Length; at += Width)
                statistics.Unnormalise(chunk.Slice(at, NormalisedGripper ? Width : Width - 1), Normalisation);
        }

        if (Ensemble is null) chunk.CopyTo(environment);
        else Ensemble.Step(chunk, environment);
        Span<double> vector = stackalloc double[3];
        Rotations.EulerToRotationVector(environment[3..6], vector);
        vector.CopyTo(environment[3..6]);
        environment[6] = _gripper.Step(environment[6]);
    }
}
