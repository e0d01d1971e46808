namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>How a policy's numbers relate to the robot's.</summary>
public enum AdapterNormalisation
{
    /// <summary>They are the same.</summary>
    None,

    /// <summary>The 1 % and 99 % quantiles are mapped to −1 and 1.</summary>
    Bound,

    /// <summary>Mean 0 and standard deviation 1.</summary>
    Gaussian,
}
