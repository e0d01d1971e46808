using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>Draws clips of a fixed number of frames; episodes are taken in proportion to their frames, short ones are padded and masked.</summary>
internal sealed class ClipSampler
{
    private readonly WorldModelTraining.Clips _clips;
    private readonly int _batch, _frames, _stride;
    private readonly ulong _seed;
    private readonly int[] _cumulative;

    public ClipSampler(WorldModelTraining.Clips clips, int batch, int frames, ulong seed)
    {
        if (frames < 2) throw new ArgumentException($"frames is {frames}; a clip needs 2 or more.", nameof(frames));
        (_clips, _batch, _frames, _seed) = (clips, batch, frames, seed);
        _stride = clips.Rows * clips.Columns * clips.Channels;
        _cumulative = new int[clips.Episodes.Count];
        int total = 0;
        for (int e = 0; e < _cumulative.Length; e++) _cumulative[e] = total += clips.Episodes[e].Length + 1;
        Background = TensorScope.Free(Median());
    }

    /// <summary>Median first frame [h, w, C]: the scene without what differs between episodes.</summary>
    public Tensor Background { get; }

    public readonly record struct Clip(Tensor Latents, Tensor Actions, Tensor Valid, int Batch, int Frames);

    /// <summary>Latents [B, T, h, w, C], conditioning [B, T, 42], validity [B, T] of a step.</summary>
    public Clip Draw(long step)
    {
        var random = new PhiloxRandom(new PhiloxKey(_seed, PhiloxStream.MinibatchOrder, 3, 0, (uint)step));
        var latents = new float[_batch * _frames * _stride];
        var actions = new float[_batch * _frames * ActionConditioning.Width];
        var valid = new float[_batch * _frames];
        Span<float> action = stackalloc float[7];
        for (int b = 0; b < _batch; b++)
        {
            int e = Array.BinarySearch(_cumulative, random.NextInt(_cumulative[^1]) + 1);
            if (e < 0) e = ~e;
            var episode = _clips.Episodes[e];
            int count = episode.Length + 1;
            int first = random.NextInt(Math.Max(1, count - _frames + 1)), taken = Math.Min(_frames, count - first);
            // The first frame's action is told half of the time: at inference it is unknown when a dream begins.
            bool told = random.NextFloat() < 0.5f;
            _clips.Latents[e].AsSpan(first * _stride, taken * _stride).CopyTo(latents.AsSpan(b * _frames * _stride));
            for (int f = 0; f < taken; f++)
            {
                int time = first + f;
                for (int i = 0; time > 0 && i < 7; i++) action[i] = episode.Actions[time - 1, i];

                bool known = time > 0 && (f > 0 || told);
                ActionConditioning.Fill(_clips.Embodiment, known ? action : default, episode.Command(time), actions.AsSpan((b * _frames + f) * ActionConditioning.Width, ActionConditioning.Width));
                valid[b * _frames + f] = 1;
            }
        }

        return new Clip(
            Tensor.FromSpan(latents, _batch, _frames, _clips.Rows, _clips.Columns, _clips.Channels),
            Tensor.FromSpan(actions, _batch, _frames, ActionConditioning.Width),
            Tensor.FromSpan(valid, _batch, _frames), _batch, _frames);
    }

    private Tensor Median()
    {
        int count = Math.Min(400, _clips.Episodes.Count);
        var column = new float[count];
        var median = new float[_stride];
        for (int i = 0; i < _stride; i++)
        {
            for (int e = 0; e < count; e++) column[e] = _clips.Latents[e][i];
            Array.Sort(column);
            median[i] = column[count / 2];
        }

        return Tensor.FromSpan(median, _clips.Rows, _clips.Columns, _clips.Channels);
    }
}
