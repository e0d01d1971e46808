using System.Globalization;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Datasets;

/// <summary>
/// World-model-eval's form of BridgeV2 episodes (arXiv 2506.00613): a folder of <c>N.mp4</c> with <c>N.npz</c>, whose <c>arr_0</c> is float32
/// [T + 1, 10]: seven action numbers, scaled by the source, then padding. Row i leads to frame i; row 0 leads nowhere.
/// The clips carry no measured state and no instruction: states and commands are the sums of the actions since the first frame, in the
/// source's scaled units. They are demonstrations, so success is taken as given.
/// </summary>
public sealed class BridgeClips
{
    private const int ActionWidth = 7;
    private const int RowWidth = 10;

    private readonly string[] _clips;
    private readonly FrameDecoder _decoder;

    private BridgeClips(string[] clips, DatasetInfo info, FrameDecoder decoder)
    {
        _clips = clips;
        _decoder = decoder;
        Info = info;
    }

    /// <summary>What all clips have in common; the one camera is called <c>image</c>.</summary>
    public DatasetInfo Info { get; }

    /// <summary>Number of clips.</summary>
    public int Count => _clips.Length;

    /// <summary>Opens a folder; frames will be scaled to <paramref name="height"/>×<paramref name="width"/> pixels.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It holds no clips, or a clip without its actions.</exception>
    public static BridgeClips Open(string directory, int height, int width, FrameDecoder? decoder = null)
    {
        string full = Path.GetFullPath(directory);
        if (!Directory.Exists(full)) throw new DirectoryNotFoundException($"{full}: there is no such folder");
        string[] clips = [.. Directory.GetFiles(full, "*.mp4").Order(StringComparer.Ordinal)];
        if (clips.Length == 0) throw new InvalidDataException($"{full}: it holds no .mp4 clips");
        foreach (string clip in clips)
        {
            if (!File.Exists(Path.ChangeExtension(clip, ".npz")))
                throw new InvalidDataException($"{clip}: its actions, {Path.GetFileName(Path.ChangeExtension(clip, ".npz"))}, are missing");
        }

        var info = new DatasetInfo
        {
            Source = "bridge_clips",
            Cameras = [new CameraSpec("image", height, width)],
            StateNames = ["x (scaled)", "y (scaled)", "z (scaled)", "qw", "qx", "qy", "qz", "gripper (1 open)"],
            ActionNames = ["dx (scaled)", "dy (scaled)", "dz (scaled)", "droll (scaled)", "dpitch (scaled)", "dyaw (scaled)", "gripper (1 open)"],
            Embodiment = new EmbodimentSpec
            {
                StepLimit = [3, 3, 3, 3, 3, 3],
                PoseLow = [-100, -100, -100, -100, -100, -100],
                PoseHigh = [100, 100, 100, 100, 100, 100],
                ControlHz = 5,
            },
        };
        SpecificationChecks.Cameras(info.Cameras, full);
        return new BridgeClips(clips, info, decoder ?? new FrameDecoder());
    }

    /// <summary>Reads and decodes one clip.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    /// <exception cref="InvalidDataException">The clip is corrupt, or its frames and actions differ in number; the message names it.</exception>
    /// <exception cref="InvalidOperationException">ffmpeg is not installed; the message says how to get it.</exception>
    public Episode Read(int index, CancellationToken cancellation = default)
    {
        if ((uint)index >= (uint)_clips.Length)
            throw new ArgumentOutOfRangeException(nameof(index), index, $"the folder holds {_clips.Length} clips");
        string clip = _clips[index], actionFile = Path.ChangeExtension(clip, ".npz");
        if (!Npz.Read(actionFile).TryGetValue("arr_0", out NamedArray? rows)
            || rows.Type != ElementType.Float32 || rows.Shape is not [>= 2, RowWidth])
        {
            throw new InvalidDataException($"{actionFile}: it holds no float32 array arr_0 of shape [T + 1, {RowWidth}] with at least two rows");
        }

        int frames = (int)rows.Shape[0];
        ReadOnlySpan<float> numbers = rows.As<float>();
        var actions = new float[frames - 1, ActionWidth];
        var commands = new float[frames, ActionWidth];
        var states = new float[frames, 8];
        Span<float> command = stackalloc float[ActionWidth], state = stackalloc float[8], action = stackalloc float[ActionWidth];
        command[6] = numbers[RowWidth + 6] > 0 ? 1 : 0;
        for (int frame = 0; frame < frames; frame++)
        {
            if (frame > 0)
            {
                // The source writes the gripper as −1 (closed) and 1 (open).
                numbers.Slice(frame * RowWidth, ActionWidth).CopyTo(action);
                action[6] = action[6] > 0 ? 1 : 0;
                for (int i = 0; i < ActionWidth; i++) actions[frame - 1, i] = action[i];
                Info.Embodiment.Advance(command, action);
            }

            EmbodimentSpec.ToState(command, state);
            for (int i = 0; i < ActionWidth; i++) commands[frame, i] = command[i];
            for (int i = 0; i < state.Length; i++) states[frame, i] = state[i];
        }

        CameraSpec camera = Info.Cameras[0];
        return new Episode
        {
            Instruction = "",
            Task = "bridge",
            Actor = "expert",
            Seed = ulong.TryParse(Path.GetFileNameWithoutExtension(clip), NumberStyles.None, CultureInfo.InvariantCulture, out ulong n) ? n : (ulong)index,
            Success = true,
            Terminated = true,
            Images = new() { [camera.Name] = _decoder.DecodeVideo(clip, frames, camera.Height, camera.Width, cancellation) },
            States = states,
            Commands = commands,
            Actions = actions,
            Progress = [],
        };
    }

    /// <summary>Reads and decodes all clips, in order.</summary>
    /// <exception cref="InvalidDataException">A clip is corrupt; the message names it.</exception>
    public Episode[] ReadAll(IProgressReporter progress, CancellationToken cancellation = default)
    {
        using IProgressTask task = progress.Begin("decoding clips", Count, "clips");
        var episodes = new Episode[Count];
        for (int i = 0; i < Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            episodes[i] = Read(i, cancellation);
            task.Advance();
        }

        return episodes;
    }
}
