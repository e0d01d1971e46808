using Engine.Runtime.Contract;
using Engine.Training.Rollouts;

namespace Engine.Host.Evaluation;

/// <summary>
/// A dream as environments, so that whatever runs policies in the simulator runs them in the dream: success and progress are what the
/// classifier thinks, and an episode is named by the spec of the recorded episode that it begins from.
/// </summary>
/// <param name="dream">The dream; disposed with this.</param>
/// <param name="info">Cameras, names and arm; one camera.</param>
/// <param name="starts">Which recorded episode a spec begins from.</param>
public sealed class ImaginedEnvironment(DreamEnvironment dream, DatasetInfo info, IReadOnlyDictionary<EpisodeSpec, int> starts) : IVectorEnvironment
{
    /// <inheritdoc />
    public int Count => dream.Count;

    /// <inheritdoc />
    public DatasetInfo Info => info;

    /// <inheritdoc />
    public void Reset(ReadOnlySpan<int> environments, ReadOnlySpan<EpisodeSpec> specs)
    {
        var recorded = new int[specs.Length];
        for (int i = 0; i < recorded.Length; i++)
        {
            if (!starts.TryGetValue(specs[i], out recorded[i])) throw new ArgumentException($"No recorded episode is {specs[i]}; a dream begins from recorded ones only.", nameof(specs));
        }

        dream.Reset(environments, recorded);
    }

    /// <inheritdoc />
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions) => dream.Step(environments, actions);

    /// <inheritdoc />
    public string Instruction(int environment) => dream.Instructions[environment];

    /// <inheritdoc />
    public void Render(ReadOnlySpan<int> environments, string camera, Span<byte> images)
    {
        int bytes = info.Cameras[0].Bytes;
        if (camera != info.Cameras[0].Name) throw new ArgumentException($"Camera '{camera}' is unknown. The dream shows {info.Cameras[0].Name}.", nameof(camera));
        if (images.Length != environments.Length * bytes) throw new ArgumentException($"Images are {environments.Length} × {bytes} bytes, got {images.Length}.", nameof(images));
        for (int i = 0; i < environments.Length; i++) dream.Images.AsSpan(environments[i] * bytes, bytes).CopyTo(images[(i * bytes)..]);
    }

    /// <inheritdoc />
    public void State(int environment, Span<float> state) => dream.States.AsSpan(environment * 8, 8).CopyTo(state);

    /// <inheritdoc />
    public void Command(int environment, Span<float> command) => dream.Command(environment).CopyTo(command);

    /// <summary>The classifier's probability that the current frame shows the instruction fulfilled.</summary>
    public float Progress(int environment) => dream.SuccessProbability[environment];

    /// <inheritdoc />
    public bool Terminated(int environment) => dream.Terminated[environment];

    /// <inheritdoc />
    public bool Truncated(int environment) => dream.Truncated[environment];

    /// <summary>Success and steps. A dream has no objects to measure: intention, wrong object, grasp and move are false and mean nothing.</summary>
    public EpisodeOutcome Outcome(int environment) => new()
    {
        Success = dream.Terminated[environment],
        EverSuccess = dream.Terminated[environment],
        Intention = false,
        WrongObject = false,
        Grasp = false,
        Move = false,
        Steps = dream.Time(environment),
    };

    /// <inheritdoc />
    public void Dispose() => dream.Dispose();
}
