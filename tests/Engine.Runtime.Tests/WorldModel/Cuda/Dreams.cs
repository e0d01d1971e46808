using Engine.Runtime.WorldModel;

namespace Engine.Runtime.Tests.WorldModel.Cuda;

/// <summary>The same dreams wherever they are computed.</summary>
internal static class Dreams
{
    /// <summary>Resets environments, environment e with 1 + e % 3 frames of context, and advances them together; all frames, [environments, steps, H, W, C].</summary>
    public static float[] Roll(IDream dream, WorldModelConfig config, int[] environments, int steps)
    {
        int frame = config.FrameNumbers, width = config.ActionDim;
        var frames = new float[environments.Length * steps * frame];
        foreach (int e in environments)
        {
            int known = 1 + e % 3;
            dream.Reset(e, (uint)e + 3, RandomModel.Normal(known * frame, (uint)e), RandomModel.Normal(known * width, 100 + (uint)e));
        }

        var latents = new float[environments.Length * frame];
        for (int step = 0; step < steps; step++)
        {
            float[] actions = [.. environments.SelectMany(e => RandomModel.Normal(width, 1000 + (uint)(e * 50 + step)))];
            dream.Step(environments, actions, latents);
            for (int i = 0; i < environments.Length; i++) latents.AsSpan(i * frame, frame).CopyTo(frames.AsSpan((i * steps + step) * frame));
        }

        return frames;
    }

    /// <summary>Four more frames of one environment.</summary>
    public static float[] Continue(IDream dream, WorldModelConfig config, int environment)
    {
        var frames = new float[4 * config.FrameNumbers];
        for (uint k = 0; k < 4; k++)
            dream.Step([environment], RandomModel.Normal(config.ActionDim, 500 + k), frames.AsSpan((int)k * config.FrameNumbers, config.FrameNumbers));
        return frames;
    }

    /// <summary>Root of the mean square of the difference over that of the expected, and the greatest difference over the same.</summary>
    public static (double Relative, double Worst) Difference(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        double square = 0, total = 0, worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = actual[i] - expected[i];
            square += difference * difference;
            total += (double)expected[i] * expected[i];
            worst = Math.Max(worst, Math.Abs(difference));
        }

        return (Math.Sqrt(square / total), worst / Math.Sqrt(total / expected.Length));
    }
}
