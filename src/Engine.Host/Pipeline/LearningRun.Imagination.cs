using Engine.Runtime.Contract;
using Engine.Training.Rollouts;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    /// <summary>The contract that every policy of the run shares.</summary>
    public PolicyContract Contract => Encoding.Contract;

    /// <summary>The dream that this run's trained models make, beginning at the first frames of recorded episodes. Trains nothing.</summary>
    /// <exception cref="InvalidDataException">The run has no trained reward; the message says which file is missing.</exception>
    /// <exception cref="FileNotFoundException">A model is missing.</exception>
    public RunDream Dream(IReadOnlyList<Episode> starts) => Dream(starts, "");

    private RunDream Dream(IReadOnlyList<Episode> starts, string round)
    {
        float threshold = RunFolder.Load<RewardStage>(Folder.At("stages", $"reward{round}.json")).Result.Threshold;
        Episode[] first = [.. starts.Select(FirstFrame)];
        var set = new EncodedSet(first, Camera, Encoding.Tokenise, () => Autoencoder, SilentProgress.Instance, _cancellation);
        var models = Models(round, threshold, reward: false);
        return new RunDream(models, new DreamStarts(set.Set, set.Latents, [.. Enumerable.Range(0, first.Length)], set.Latents[0].Length), first);
    }

    private static Episode FirstFrame(Episode episode)
    {
        var (state, command) = (new float[1, 8], new float[1, 7]);
        for (int i = 0; i < 8; i++) state[0, i] = episode.States[0, i];
        for (int i = 0; i < 7; i++) command[0, i] = episode.Commands[0, i];
        return episode with
        {
            Success = false,
            Terminated = false,
            Images = episode.Images.ToDictionary(camera => camera.Key, camera => camera.Value[..(camera.Value.Length / (episode.Length + 1))]),
            States = state,
            Commands = command,
            Actions = new float[0, 7],
            Progress = [],
        };
    }

    private sealed record RewardStage(RewardResult Result);
}
