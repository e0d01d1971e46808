using Engine.Runtime.Contract;

namespace Engine.Simulation.Evaluation;

/// <summary>Collects one episode step by step.</summary>
internal sealed class EpisodeRecorder(EpisodeSpec spec, string instruction, string actor, CameraSpec[] cameras)
{
    private readonly List<byte[]>[] _images = [.. cameras.Select(_ => new List<byte[]>())];
    private readonly List<float> _states = [], _commands = [], _actions = [], _progress = [];

    /// <summary>Adds an observation; the pictures must have been drawn.</summary>
    public void Observe(IVectorEnvironment world, int environment, ObservationFrames frames)
    {
        for (int c = 0; c < cameras.Length; c++) _images[c].Add(frames.Image(environment, cameras[c].Name).ToArray());
        Span<float> state = stackalloc float[8], command = stackalloc float[7];
        world.State(environment, state);
        world.Command(environment, command);
        _states.AddRange(state);
        _commands.AddRange(command);
        _progress.Add(world.Progress(environment));
    }

    /// <summary>Adds the action that follows the last observation.</summary>
    public void Act(ReadOnlySpan<float> action) => _actions.AddRange(action);

    /// <summary>The finished episode.</summary>
    public Episode Finish(bool success, bool terminated) => new()
    {
        Instruction = instruction,
        Task = spec.Task,
        Variation = spec.Variation,
        Actor = actor,
        Seed = spec.Seed,
        Success = success,
        Terminated = terminated,
        Images = cameras.Select((camera, c) => (camera.Name, Pixels: Flatten(_images[c], camera.Bytes))).ToDictionary(pair => pair.Name, pair => pair.Pixels, StringComparer.Ordinal),
        States = Matrix(_states, 8),
        Commands = Matrix(_commands, 7),
        Actions = Matrix(_actions, 7),
        Progress = [.. _progress],
    };

    private static byte[] Flatten(List<byte[]> images, int bytes)
    {
        byte[] all = new byte[(long)images.Count * bytes];
        for (int i = 0; i < images.Count; i++) images[i].CopyTo(all, (long)i * bytes);
        return all;
    }

    private static float[,] Matrix(List<float> values, int width)
    {
        var matrix = new float[values.Count / width, width];
        Buffer.BlockCopy(values.ToArray(), 0, matrix, 0, values.Count * sizeof(float));
        return matrix;
    }
}
