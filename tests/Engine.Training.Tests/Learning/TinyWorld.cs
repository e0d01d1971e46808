using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Runtime.Policies;
using Engine.Training.Datasets;
using Engine.Training.Models;

namespace Engine.Training.Tests.Learning;

/// <summary>
/// A world small enough to learn from in seconds: a white square on a dark image stands where the command's x and y say; an action
/// moves it. An episode succeeds when the square ends in the right half.
/// </summary>
internal sealed class TinyWorld
{
    public const string CameraName = "front";
    private const float Limit = 0.05f;

    public TinyWorld(int episodes = 12, int length = 6, int size = 16, int bins = 256, ulong seed = 1, Func<PhiloxRandom, int, float>? moveX = null, Func<int, bool>? success = null)
    {
        Camera = new CameraSpec(CameraName, size, size);
        Embodiment = new EmbodimentSpec { StepLimit = [Limit, Limit, Limit, 0.1f, 0.1f, 0.1f], PoseLow = [0, 0, 0, -1, -1, -1], PoseHigh = [1, 1, 1, 1, 1, 1], ControlHz = 5 };
        Contract = new PolicyContract
        {
            Name = "tiny",
            Cameras = [Camera],
            StateNames = ["x", "y", "z", "qw", "qx", "qy", "qz", "gripper"],
            ActionNames = ["dx", "dy", "dz", "droll", "dpitch", "dyaw", "gripper"],
            ActionStatistics = new NormalisationStatistics
            {
                Q01 = [-Limit, -Limit, 0, 0, 0, 0, 0],
                Q99 = [Limit, Limit, 0, 0, 0, 0, 1],
                Mean = new float[7],
                Std = [Limit / 2, Limit / 2, 0, 0, 0, 0, 0.5f],
                Mask = [true, true, true, true, true, true, false],
            },
            StateStatistics = new NormalisationStatistics { Q01 = [0, 0, 0, 1, 0, 0, 0, 0], Q99 = [1, 1, 0, 1, 0, 0, 0, 1], Mean = new float[8], Std = [0.3f, 0.3f, 0, 0, 0, 0, 0, 0.5f], Mask = [true, true, true, true, true, true, true, false] },
            Embodiment = Embodiment,
            Vocabulary = ["go", "right", "left", "the", "red", "blue", "cube"],
            MaxWords = 4,
            ActionBins = bins,
        };
        Encoding = new PolicyEncoding(Contract);
        var all = new Episode[episodes];
        for (int e = 0; e < episodes; e++) all[e] = Make(e, length, size, seed, moveX, success);
        Set = new TrainingSet(all, Camera, Encoding.Tokenise);
    }

    public CameraSpec Camera { get; }

    public EmbodimentSpec Embodiment { get; }

    public PolicyContract Contract { get; }

    public PolicyEncoding Encoding { get; }

    public TrainingSet Set { get; }

    /// <summary>Frames of every episode, u8 [T + 1, H, W, 3].</summary>
    public byte[][] Images => [.. Set.Episodes.Select(e => e.Images[CameraName])];

    public VlaArchitecture Architecture(int horizon = 1) => new()
    {
        ImageSize = Camera.Height,
        Tokens = Contract.Vocabulary.Length + 2,
        MaxWords = Contract.MaxWords,
        Horizon = horizon,
        Bins = Contract.ActionBins,
        Hidden = 32,
        Dim = 16,
        Layers = 2,
        Heads = 2,
        PrefixTokens = 2,
    };

    private Episode Make(int number, int length, int size, ulong seed, Func<PhiloxRandom, int, float>? moveX, Func<int, bool>? success)
    {
        var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.SceneLayout, 0, (uint)number));
        var (commands, states, actions) = (new float[length + 1, 7], new float[length + 1, 8], new float[length, 7]);
        var images = new byte[(length + 1) * size * size * 3];
        var command = new float[7];
        var (action, state) = (new float[7], new float[8]);
        (command[0], command[1], command[6]) = (random.NextFloat(0.2f, 0.8f), random.NextFloat(0.2f, 0.8f), 1);
        for (int t = 0; t <= length; t++)
        {
            if (t > 0)
            {
                action[0] = moveX?.Invoke(random, number) ?? random.NextFloat(-Limit, Limit);
                action[1] = random.NextFloat(-Limit, Limit);
                action[6] = random.NextFloat() < 0.5f ? 0 : 1;
                Embodiment.Advance(command, action);
                for (int i = 0; i < 7; i++) actions[t - 1, i] = action[i];
            }

            EmbodimentSpec.ToState(command, state);
            for (int i = 0; i < 7; i++) commands[t, i] = command[i];
            for (int i = 0; i < 8; i++) states[t, i] = state[i];
            Draw(images.AsSpan(t * size * size * 3, size * size * 3), size, command[0], command[1]);
        }

        bool reached = success?.Invoke(number) ?? command[0] > 0.5f;
        return new Episode
        {
            Instruction = number % 2 == 0 ? "go the red cube" : "go the blue cube",
            Task = "tiny",
            Actor = "play",
            Seed = (ulong)number,
            Success = reached,
            Terminated = reached,
            Images = new() { [CameraName] = images },
            States = states,
            Commands = commands,
            Actions = actions,
            Progress = new float[length + 1],
        };
    }

    public static void Draw(Span<byte> image, int size, float x, float y)
    {
        image.Fill(30);
        int left = (int)(x * (size - 4)), top = (int)(y * (size - 4));
        for (int r = top; r < top + 4; r++) image.Slice((r * size + left) * 3, 12).Fill(230);
    }
}
