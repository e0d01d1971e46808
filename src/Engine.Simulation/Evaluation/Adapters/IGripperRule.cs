namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>Turns a policy's gripper number into the environment's.</summary>
public interface IGripperRule
{
    /// <summary>Begins an episode.</summary>
    void Reset();

    /// <summary>The command for one control step.</summary>
    double Step(double gripper);
}
