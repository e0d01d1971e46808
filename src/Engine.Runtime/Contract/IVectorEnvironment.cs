namespace Engine.Runtime.Contract;

/// <summary>
/// Many environments that are stepped together and reset one by one. Each is reproducible bit for bit from its
/// <see cref="EpisodeSpec"/> and actions, whatever the others do. Calls are not thread-safe; the work inside is spread over threads.
/// </summary>
public interface IVectorEnvironment : IDisposable
{
    /// <summary>Number of environments.</summary>
    int Count { get; }

    /// <summary>Cameras, state, action and embodiment, as a data set recorded here would declare them.</summary>
    DatasetInfo Info { get; }

    /// <summary>Resets several environments, in parallel.</summary>
    /// <exception cref="ArgumentException">The task or variation is unknown; the message lists the known ones.</exception>
    void Reset(ReadOnlySpan<int> environments, ReadOnlySpan<EpisodeSpec> specs);

    /// <summary>Advances several environments by one control step, in parallel; <paramref name="actions"/> is [n, 7] in the environment's units.</summary>
    /// <exception cref="InvalidOperationException">One of them is finished: reset it first.</exception>
    void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions);

    /// <summary>The instruction of the current episode.</summary>
    string Instruction(int environment);

    /// <summary>Renders one camera of several environments, in parallel, into [n, H, W, 3] u8.</summary>
    void Render(ReadOnlySpan<int> environments, string camera, Span<byte> images);

    /// <summary>State [8]: x, y, z (m), quaternion w, x, y, z, gripper command (1 open, 0 closed).</summary>
    void State(int environment, Span<float> state);

    /// <summary>Commanded pose [7]: x, y, z (m), roll, pitch, yaw (rad), gripper (1 open, 0 closed).</summary>
    void Command(int environment, Span<float> command);

    /// <summary>Task progress in [0, 1]; 1 when the goal holds.</summary>
    float Progress(int environment);

    /// <summary>The episode has ended by its goal.</summary>
    bool Terminated(int environment);

    /// <summary>The episode was cut by its step limit.</summary>
    bool Truncated(int environment);

    /// <summary>The measures of the episode so far (final once it has ended).</summary>
    EpisodeOutcome Outcome(int environment);
}
