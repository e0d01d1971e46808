using Engine.Kernels.Ops.Philox;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>Draws steps of recorded episodes as a policy sees them, with augmentation.</summary>
internal sealed class PolicyBatchSampler
{
    private readonly TrainingSet _data;
    private readonly byte[][]? _reconstructions;
    private readonly PolicyEncoding _encoding;
    private readonly BehaviourCloning.Options _options;
    private readonly ulong _seed;
    private readonly ImageBatch _images;
    private readonly float[] _smooth;
    private readonly int _horizon, _width, _bins;

    public PolicyBatchSampler(TrainingSet data, byte[][]? reconstructions, PolicyEncoding encoding, BehaviourCloning.Options options, ulong seed)
    {
        (_data, _reconstructions, _encoding, _options, _seed) = (data, reconstructions, encoding, options, seed);
        (_horizon, _width, _bins) = (encoding.Contract.ActionHorizon, encoding.ActionWidth, encoding.Contract.ActionBins);
        _images = new ImageBatch(data.Camera.Height, data.Camera.Width);
        _smooth = new float[_bins * _bins];
        for (int c = 0; c < _bins; c++)
        {
            var row = _smooth.AsSpan(c * _bins, _bins);
            float sum = 0;
            for (int k = 0; k < _bins; k++)
            {
                double z = options.SmoothingBins > 0 ? (k - c) / options.SmoothingBins : k == c ? 0 : 1e3;
                sum += row[k] = (float)Math.Exp(-0.5 * z * z);
            }

            for (int k = 0; k < _bins; k++) row[k] /= sum;
        }
    }

    /// <summary>One minibatch; <see cref="Steps"/> are the numbers of the steps in the data.</summary>
    public readonly record struct Batch(Tensor Images, Tensor Tokens, Tensor States, Tensor Classes, long[] ClassValues, int[] Steps, int Count);

    /// <summary>Smoothed one-hot rows [n, bins] of n classes.</summary>
    public Tensor SmoothedTargets(long[] classes)
    {
        var rows = new float[classes.Length * _bins];
        for (int i = 0; i < classes.Length; i++) _smooth.AsSpan((int)classes[i] * _bins, _bins).CopyTo(rows.AsSpan(i * _bins));
        return Tensor.FromSpan(rows, classes.Length, _bins);
    }

    /// <summary>Where the episodes of steps end: last commanded positions [n, 3], ±1 over the workspace.</summary>
    public Tensor Ends(int[] steps)
    {
        var ends = new float[steps.Length * 3];
        for (int i = 0; i < steps.Length; i++)
        {
            var episode = _data.Episodes[_data.StepAt(steps[i]).Episode];
            _encoding.Contract.Embodiment.ScalePosition(episode.Command(episode.Length), ends.AsSpan(3 * i, 3));
        }

        return Tensor.FromSpan(ends, steps.Length, 3);
    }

    /// <summary>Draws a batch for a step of training.</summary>
    public Batch Draw(long step, int count)
    {
        var random = new PhiloxRandom(new PhiloxKey(_seed, PhiloxStream.MinibatchOrder, 4, 0, (uint)step));
        var steps = new int[count];
        for (int i = 0; i < count; i++) steps[i] = random.NextInt(_data.StepCount);
        return Gather(steps, random);
    }

    /// <summary>Gathers given steps; <paramref name="random"/> null means without augmentation.</summary>
    public Batch Gather(int[] steps, PhiloxRandom? random)
    {
        int count = steps.Length, stateWidth = _encoding.Contract.StateNames.Length, words = _encoding.Contract.MaxWords;
        var states = new float[count * stateWidth];
        var tokens = new long[count * words];
        var classes = new long[count * _horizon * _width];
        var brightness = new float[count];
        Span<float> action = stackalloc float[_width];
        _images.Clear();
        for (int i = 0; i < count; i++)
        {
            var (e, t) = _data.StepAt(steps[i]);
            var episode = _data.Episodes[e];
            var image = _data.Image(e, t);
            int rows = 0, columns = 0;
            bool hideState = false;
            if (random is not null)
            {
                rows = random.NextInt(2 * _options.Shift + 1) - _options.Shift;
                columns = random.NextInt(2 * _options.Shift + 1) - _options.Shift;
                brightness[i] = (float)_options.Brightness * random.NextNormal();
                hideState = random.NextFloat() < _options.StateDropout;
                if (_reconstructions is not null && random.NextFloat() < _options.ReconstructionShare)
                    image = _reconstructions[e].AsSpan(t * _data.Camera.Bytes, _data.Camera.Bytes);
            }

            _images.Add(image, rows, columns);
            if (!hideState)
            {
                var state = states.AsSpan(i * stateWidth, stateWidth);
                for (int k = 0; k < stateWidth; k++) state[k] = episode.States[t, k];
                _encoding.NormaliseState(state);
            }

            _data.Tokens[e].CopyTo(tokens, i * words);
            for (int h = 0; h < _horizon; h++)
            {
                int from = Math.Min(t + h, episode.Length - 1);
                for (int k = 0; k < _width; k++) action[k] = episode.Actions[from, k];
                _encoding.Encode(action, classes.AsSpan((i * _horizon + h) * _width, _width));
            }
        }

        var images = _images.ToTensor();
        if (random is not null && _options.Brightness > 0) images = images + Tensor.FromSpan(brightness, count, 1, 1, 1);
        return new Batch(images, Tensor.FromSpan(tokens, count, words), Tensor.FromSpan(states, count, stateWidth), Tensor.FromSpan(classes, count, _horizon * _width), classes, steps, count);
    }
}
