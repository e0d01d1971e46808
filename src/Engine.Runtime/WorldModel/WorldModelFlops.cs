namespace Engine.Runtime.WorldModel;

/// <summary>How many floating-point operations a frame takes (a multiply-add counts two); norms, activations and soft-max are left out.</summary>
public static class WorldModelFlops
{
    /// <summary>One frame through the network, its attention in time seeing <paramref name="seen"/> frames.</summary>
    public static double Pass(WorldModelConfig config, int seen)
    {
        double n = config.Tokens, d = config.Dim, patch = config.PatchNumbers, input = patch * (config.PreviousFrameInput ? 2 : 1);
        double block = 2 * n * 12 * d * d, spatial = 4 * n * n * d, temporal = 4 * n * seen * d;
        return 2 * n * d * (input + patch) + config.NumLayers * (2 * block + spatial + temporal);
    }

    /// <summary>One frame through the network until its last temporal keys and values are known.</summary>
    public static double KeysOnly(WorldModelConfig config, int seen)
    {
        double n = config.Tokens, d = config.Dim;
        return Pass(config, seen) - 2 * n * d * config.PatchNumbers - 2 * n * 9 * d * d - 4 * n * seen * d;
    }

    /// <summary>Shifts, scales and gates of all blocks for one (time, action).</summary>
    public static double Modulation(WorldModelConfig config) => 2.0 * config.Dim * config.Dim * (12 * config.NumLayers + 2);

    /// <summary>One new frame of a dream whose window has slid.</summary>
    public static double Frame(WorldModelConfig config, DreamMode mode, int steps, int window)
    {
        double frame = steps * (Pass(config, window) + Modulation(config));
        int entered = mode == DreamMode.Exact ? window - 1 : 1;
        for (int i = 0; i < entered; i++) frame += KeysOnly(config, mode == DreamMode.Exact ? i + 1 : window) + Modulation(config);
        return frame;
    }

    /// <summary>One new frame the original's way: the whole window through the network at every step.</summary>
    public static double OriginalFrame(WorldModelConfig config, int steps, int window)
    {
        double pass = 0;
        for (int i = 0; i < window; i++) pass += Pass(config, i + 1) + Modulation(config);
        return steps * pass;
    }
}
