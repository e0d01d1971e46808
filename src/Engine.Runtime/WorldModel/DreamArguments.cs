namespace Engine.Runtime.WorldModel;

/// <summary>What every <see cref="IDream"/> asks of its arguments, wherever it computes.</summary>
internal static class DreamArguments
{
    /// <summary>Checks an environment's context and its actions; returns the number of frames.</summary>
    public static int Context(WorldModelConfig config, ReadOnlySpan<float> contextLatents, ReadOnlySpan<float> actions)
    {
        int frames = contextLatents.Length / config.FrameNumbers;
        if (frames == 0) throw new ArgumentException($"contextLatents must hold at least one frame of {config.FrameNumbers} numbers, it holds {contextLatents.Length} numbers.", nameof(contextLatents));
        LengthCheck.Exactly(nameof(contextLatents), contextLatents.Length, frames, config.FrameNumbers, "n frames of H·W·C");
        LengthCheck.Exactly(nameof(actions), actions.Length, frames, config.ActionDim, "n actions of A");
        return frames;
    }

    /// <summary>Checks that environments exist, were reset and are listed once.</summary>
    /// <param name="dream">Whose they are.</param>
    /// <param name="environments">Their numbers.</param>
    /// <param name="listed">Room for a mark for each environment of the dream; all unmarked, before and after.</param>
    public static void Listed(IDream dream, ReadOnlySpan<int> environments, bool[] listed)
    {
        int marked = 0;
        try
        {
            for (; marked < environments.Length; marked++)
            {
                int environment = environments[marked];
                if (dream.FrameCount(environment) == 0) throw NotReset(environment);
                if (listed[environment]) throw new ArgumentException($"Environment {environment} is listed twice.", nameof(environments));
                listed[environment] = true;
            }
        }
        finally
        {
            foreach (int environment in environments[..marked]) listed[environment] = false;
        }
    }

    public static InvalidOperationException NotReset(int environment) => new($"Environment {environment} has no past: call Reset for it before Step.");
}
