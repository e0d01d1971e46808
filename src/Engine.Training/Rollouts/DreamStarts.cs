using Engine.Kernels.Ops.Philox;
using Engine.Training.Datasets;

namespace Engine.Training.Rollouts;

/// <summary>
/// Where dreams begin: recorded first frames (latents and commanded pose), each with an instruction that makes sense in that scene.
/// </summary>
public sealed class DreamStarts
{
    private readonly float[][] _latents;
    private readonly TrainingSet _data;
    private readonly int[] _episodes;
    private readonly int _stride;

    /// <param name="data">Recorded episodes.</param>
    /// <param name="latents">Their latents [T + 1, h, w, C] by episode.</param>
    /// <param name="episodes">Numbers of the episodes to begin from.</param>
    /// <param name="stride">Numbers in one frame's latents.</param>
    public DreamStarts(TrainingSet data, float[][] latents, int[] episodes, int stride)
    {
        if (episodes.Length == 0) throw new ArgumentException("There is no episode to begin a dream from.", nameof(episodes));
        (_data, _latents, _episodes, _stride) = (data, latents, episodes, stride);
    }

    public readonly ref struct Start(ReadOnlySpan<float> latents, float[] command, string instruction, long[] tokens, int episode)
    {
        public ReadOnlySpan<float> Latents { get; } = latents;
        public float[] Command { get; } = command;
        public string Instruction { get; } = instruction;
        public long[] Tokens { get; } = tokens;
        public int Episode { get; } = episode;
    }

    /// <summary>The start of an environment's episode: a pure function of its arguments.</summary>
    public Start Draw(ulong seed, int environment, uint episode)
    {
        var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.DreamStart, (uint)environment, episode));
        return At(_episodes[random.NextInt(_episodes.Length)]);
    }

    /// <summary>The start of a given recorded episode.</summary>
    public Start At(int recorded)
    {
        return new Start(_latents[recorded].AsSpan(0, _stride), _data.Episodes[recorded].Command(0).ToArray(), _data.Episodes[recorded].Instruction, _data.Tokens[recorded], recorded);
    }
}
