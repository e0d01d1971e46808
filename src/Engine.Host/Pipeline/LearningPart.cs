namespace Engine.Host.Pipeline;

/// <summary>How far a run is prepared.</summary>
public enum LearningPart
{
    /// <summary>Recorded data, autoencoder, cloned policy.</summary>
    Policy,

    /// <summary>Also own rollouts, world model, classifier and reward, with the dream measured.</summary>
    Models,

    /// <summary>Everything that PPO needs, and the gate's verdict.</summary>
    Dream,
}
