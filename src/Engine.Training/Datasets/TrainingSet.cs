using Engine.Runtime.Contract;

namespace Engine.Training.Datasets;

/// <summary>
/// Episodes in memory for training: frames of one camera, instruction tokens, and a flat numbering of all frames
/// (episode after episode, T + 1 frames each) and of all steps (T each).
/// </summary>
public sealed class TrainingSet
{
    private readonly byte[][] _images;
    private readonly int[] _firstFrame;
    private readonly int[] _firstStep;

    /// <param name="episodes">At least one episode.</param>
    /// <param name="camera">The camera to take; every episode must have it.</param>
    /// <param name="tokenise">Instruction to a fixed number of token ids.</param>
    /// <exception cref="ArgumentException">No episodes, or one without the camera.</exception>
    public TrainingSet(IReadOnlyList<Episode> episodes, CameraSpec camera, Func<string, long[]> tokenise)
    {
        if (episodes.Count == 0) throw new ArgumentException("There are no episodes to train on; collect some first (engine collect).", nameof(episodes));
        Episodes = episodes;
        Camera = camera;
        _images = new byte[episodes.Count][];
        _firstFrame = new int[episodes.Count + 1];
        _firstStep = new int[episodes.Count + 1];
        Tokens = new long[episodes.Count][];
        for (int e = 0; e < episodes.Count; e++)
        {
            if (!episodes[e].Images.TryGetValue(camera.Name, out var images))
                throw new ArgumentException($"Episode {e} has no camera '{camera.Name}'; it has {string.Join(", ", episodes[e].Images.Keys)}.", nameof(episodes));
            if (images.Length != (episodes[e].Length + 1) * camera.Bytes)
                throw new ArgumentException($"Episode {e}: camera '{camera.Name}' has {images.Length} bytes; expected {episodes[e].Length + 1} frames of {camera.Bytes}.", nameof(episodes));
            _images[e] = images;
            _firstFrame[e + 1] = _firstFrame[e] + episodes[e].Length + 1;
            _firstStep[e + 1] = _firstStep[e] + episodes[e].Length;
            Tokens[e] = tokenise(episodes[e].Instruction);
        }
    }

    public IReadOnlyList<Episode> Episodes { get; }

    public CameraSpec Camera { get; }

    /// <summary>Instruction tokens by episode.</summary>
    public long[][] Tokens { get; }

    public int FrameCount => _firstFrame[^1];

    public int StepCount => _firstStep[^1];

    /// <summary>Number of the first frame of an episode.</summary>
    public int FirstFrame(int episode) => _firstFrame[episode];

    /// <summary>Number of the first step of an episode.</summary>
    public int FirstStep(int episode) => _firstStep[episode];

    /// <summary>Episode and time of a frame.</summary>
    public (int Episode, int Time) FrameAt(int frame) => Locate(_firstFrame, frame);

    /// <summary>Episode and time of a step.</summary>
    public (int Episode, int Time) StepAt(int step) => Locate(_firstStep, step);

    /// <summary>One image, u8 [H, W, 3].</summary>
    public ReadOnlySpan<byte> Image(int episode, int time) => _images[episode].AsSpan(time * Camera.Bytes, Camera.Bytes);

    private static (int Episode, int Time) Locate(int[] first, int index)
    {
        int at = Array.BinarySearch(first, index);
        if (at < 0) at = ~at - 1;
        // Two equal entries mark an episode without steps; the search may land on any of them.
        while (first[at + 1] <= index) at++;
        return (at, index - first[at]);
    }
}
