using Engine.Runtime.Contract;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;
using Engine.Training.Algorithms;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Rollouts;

/// <summary>
/// Many imagined environments that advance together: the world model gives the next latents, the autoencoder the image, the
/// embodiment the commanded pose and state, the classifier the end, the reward network the dense reward. Each environment begins,
/// ends and is reset on its own. Results depend only on (seed, environment, episode, actions).
/// </summary>
public sealed class DreamEnvironment : IDisposable
{
    private const int BatchSize = 16;

    private readonly DreamModels _models;
    private readonly DreamStarts _starts;
    private readonly IDream _state;
    private readonly CudaDreamState? _shared;
    private readonly ulong _seed;
    private readonly int _stepLimit, _latentStride;
    private readonly float[] _latents, _commands;
    private readonly int[] _time;
    private readonly uint[] _episode;
    private readonly int _featureWidth;

    /// <param name="models">What the dream is made of.</param>
    /// <param name="starts">Where it begins.</param>
    /// <param name="count">Number of environments N.</param>
    /// <param name="stepLimit">Steps after which an episode is cut.</param>
    /// <param name="seed">Seed of starts and noise.</param>
    /// <param name="device">
    /// The world model on a GPU, where that gives the latents; the processor does otherwise. With <see cref="DreamModels.Decoder"/> on the same GPU the latents
    /// stay there: libtorch reads them where the dream has made them.
    /// </param>
    /// <exception cref="ArgumentException">Decoder and classifier are on different devices.</exception>
    public DreamEnvironment(DreamModels models, DreamStarts starts, int count, int stepLimit, ulong seed, CudaWorldModel? device = null)
    {
        (_models, _starts, _seed, _stepLimit) = (models, starts, seed, stepLimit);
        Count = count;
        _latentStride = models.Autoencoder.LatentNumbers;
        _featureWidth = models.Classifier.FeatureWidth;
        _state = device is null
            ? new DreamState(models.WorldModel, count, DreamMode.Streaming, models.SamplingSteps, seed)
            : new CudaDreamState(device, count, DreamMode.Streaming, models.SamplingSteps, seed);
        if (models.Decoder is { } decoder && decoder.Device != models.Classifier.Device)
            throw new ArgumentException($"the decoder is on {decoder.Device}, the classifier on {models.Classifier.Device}; make both in one DeviceScope.", nameof(models));
        _shared = models.Decoder is null ? null : _state as CudaDreamState;
        _latents = new float[count * _latentStride];
        _commands = new float[count * 7];
        _time = new int[count];
        _episode = new uint[count];
        Images = new byte[count * models.Camera.Bytes];
        States = new float[count * 8];
        Tokens = new long[count * models.Encoding.Contract.MaxWords];
        Instructions = new string[count];
        StartEpisode = new int[count];
        EvidenceWidth = 2 * _featureWidth + SuccessClassifier.PoseWidth + 3;
        Evidence = new float[count * EvidenceWidth];
        SuccessProbability = new float[count];
        Reward = new float[count];
        Terminated = new bool[count];
        Truncated = new bool[count];
    }

    /// <summary>Number of environments N.</summary>
    public int Count { get; }

    /// <summary>u8 [N, H, W, 3].</summary>
    public byte[] Images { get; }

    /// <summary>States [N, 8], not normalised.</summary>
    public float[] States { get; }

    /// <summary>int64 [N, W].</summary>
    public long[] Tokens { get; }

    public string[] Instructions { get; }

    /// <summary>The recorded episode that each began from.</summary>
    public int[] StartEpisode { get; }

    /// <summary>Numbers of <see cref="Evidence"/> for each environment, E.</summary>
    public int EvidenceWidth { get; }

    /// <summary>
    /// What the classifier makes of the current frame [N, E]: features of the first and of the current image, the pose, and where it expects
    /// the success to end.
    /// </summary>
    public float[] Evidence { get; }

    /// <summary>The classifier's probability for the current frame [N].</summary>
    public float[] SuccessProbability { get; }

    /// <summary>Dense reward of the last step [N].</summary>
    public float[] Reward { get; }

    /// <summary>The last step ended the episode as a success [N].</summary>
    public bool[] Terminated { get; }

    /// <summary>The last step reached the step limit [N].</summary>
    public bool[] Truncated { get; }

    /// <summary>Steps taken in the current episode.</summary>
    public int Time(int environment) => _time[environment];

    /// <summary>Commanded pose [7] of an environment.</summary>
    public ReadOnlySpan<float> Command(int environment) => _commands.AsSpan(environment * 7, 7);

    /// <summary>Begins the next episode of some environments, from drawn starts or, when given, from recorded episodes.</summary>
    public void Reset(ReadOnlySpan<int> environments, ReadOnlySpan<int> recorded = default)
    {
        var conditioning = new float[ActionConditioning.Width];
        for (int k = 0; k < environments.Length; k++)
        {
            int n = environments[k];
            var start = recorded.IsEmpty ? _starts.Draw(_seed, n, _episode[n]) : _starts.At(recorded[k]);
            start.Command.CopyTo(_commands, n * 7);
            start.Latents.CopyTo(_latents.AsSpan(n * _latentStride, _latentStride));
            start.Tokens.CopyTo(Tokens, n * start.Tokens.Length);
            Instructions[n] = start.Instruction;
            StartEpisode[n] = start.Episode;
            ActionConditioning.Fill(_models.Encoding.Contract.Embodiment, default, start.Command, conditioning);
            _state.Reset(n, _episode[n]++, start.Latents, conditioning);
            _time[n] = 0;
            Terminated[n] = Truncated[n] = false;
            Reward[n] = 0;
        }

        Look(environments, null);
    }

    /// <summary>Begins all environments anew, with episodes numbered from <paramref name="episode"/>.</summary>
    public void Restart(uint episode)
    {
        Array.Fill(_episode, episode);
        Reset([.. Enumerable.Range(0, Count)]);
    }

    /// <summary>Advances some environments by one step; <paramref name="actions"/> [n, 7] in the environment's units.</summary>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions)
    {
        int count = environments.Length;
        var conditioning = new float[count * ActionConditioning.Width];
        var latents = new float[count * _latentStride];
        for (int k = 0; k < count; k++)
        {
            int n = environments[k];
            if (Terminated[n] || Truncated[n]) throw new InvalidOperationException($"Dream {n} has ended; reset it first.");
            var command = _commands.AsSpan(n * 7, 7);
            _models.Encoding.Contract.Embodiment.Advance(command, actions.Slice(k * 7, 7));
            ActionConditioning.Fill(_models.Encoding.Contract.Embodiment, actions.Slice(k * 7, 7), command, conditioning.AsSpan(k * ActionConditioning.Width, ActionConditioning.Width));
        }

        if (_shared is not null) _shared.Step(environments, conditioning);
        else _state.Step(environments, conditioning, latents);
        for (int k = 0; k < count; k++)
        {
            if (_shared is null) latents.AsSpan(k * _latentStride, _latentStride).CopyTo(_latents.AsSpan(environments[k] * _latentStride));
            _time[environments[k]]++;
        }

        Look(environments, actions.ToArray());
        foreach (int n in environments)
        {
            Terminated[n] = SuccessProbability[n] > _models.Threshold;
            Truncated[n] = !Terminated[n] && _time[n] >= _stepLimit;
        }
    }

    /// <summary>
    /// Decodes, scores and rewards the current frames of some environments. In batches of one size, filled up with zeros: libtorch chooses
    /// its kernels by the size of a batch, so the last bits of a row would otherwise depend on how many others there are.
    /// </summary>
    private void Look(ReadOnlySpan<int> environments, float[]? actions)
    {
        using var noGrad = new NoGrad();
        using var device = new DeviceScope(_models.Classifier.Device);
        for (int first = 0; first < environments.Length; first += BatchSize)
        {
            using var scope = new TensorScope();
            int count = Math.Min(BatchSize, environments.Length - first);
            Look(environments.Slice(first, count), actions is null ? default : actions.AsSpan(first * 7, count * 7), actions is not null);
        }
    }

    private void Look(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, bool acted)
    {
        int bytes = _models.Camera.Bytes, words = _models.Encoding.Contract.MaxWords;
        var latents = new float[BatchSize * _latentStride];
        var images = new byte[BatchSize * bytes];
        var tokens = new long[BatchSize * words];
        var before = new float[BatchSize * _featureWidth];
        var first = new float[BatchSize * _featureWidth];
        var poses = new float[BatchSize * SuccessClassifier.PoseWidth];
        for (int k = 0; k < environments.Length; k++)
        {
            int n = environments[k];
            _latents.AsSpan(n * _latentStride, _latentStride).CopyTo(latents.AsSpan(k * _latentStride));
            Tokens.AsSpan(n * words, words).CopyTo(tokens.AsSpan(k * words));
            Evidence.AsSpan(n * EvidenceWidth + _featureWidth, _featureWidth).CopyTo(before.AsSpan(k * _featureWidth));
            EmbodimentSpec.ToState(_commands.AsSpan(n * 7, 7), States.AsSpan(n * 8, 8));
            SuccessClassifier.Pose(Command(n), _models.Encoding, poses.AsSpan(k * SuccessClassifier.PoseWidth, SuccessClassifier.PoseWidth));
        }

        Tensor seen;
        if (_shared is not null)
        {
            Tensor frames = Decode(_shared, environments);
            frames.ToByteArray().CopyTo(images, 0);
            seen = ImageBatch.FromTensor(frames);
        }
        else
        {
            _models.Autoencoder.Decode(latents.AsSpan(0, environments.Length * _latentStride), images.AsSpan(0, environments.Length * bytes));
            seen = ImageBatch.FromBytes(images, _models.Camera.Height, _models.Camera.Width);
        }

        var features = _models.Classifier.Features(seen, Tensor.FromSpan(tokens, BatchSize, words));
        var values = features.ToArray();
        for (int k = 0; k < environments.Length; k++)
        {
            var source = acted ? Evidence.AsSpan(environments[k] * EvidenceWidth, _featureWidth) : values.AsSpan(k * _featureWidth, _featureWidth);
            source.CopyTo(first.AsSpan(k * _featureWidth));
        }

        var (logits, end) = _models.Classifier.FromFeatures(Tensor.FromSpan(first, BatchSize, _featureWidth), features, Tensor.FromSpan(poses, BatchSize, SuccessClassifier.PoseWidth));
        var (probability, ends) = (logits.Sigmoid().ToArray(), end.ToArray());
        if (acted && _models.Reward is { } reward)
        {
            var padded = new float[BatchSize * 7];
            actions.CopyTo(padded);
            var rewards = reward.Predict(before, values, padded, BatchSize);
            for (int k = 0; k < environments.Length; k++) Reward[environments[k]] = rewards[k];
        }

        for (int k = 0; k < environments.Length; k++)
        {
            int n = environments[k];
            images.AsSpan(k * bytes, bytes).CopyTo(Images.AsSpan(n * bytes));
            SuccessProbability[n] = probability[k];
            var evidence = Evidence.AsSpan(n * EvidenceWidth, EvidenceWidth);
            first.AsSpan(k * _featureWidth, _featureWidth).CopyTo(evidence);
            values.AsSpan(k * _featureWidth, _featureWidth).CopyTo(evidence[_featureWidth..]);
            poses.AsSpan(k * SuccessClassifier.PoseWidth, SuccessClassifier.PoseWidth).CopyTo(evidence[(2 * _featureWidth)..]);
            ends.AsSpan(k * 3, 3).CopyTo(evidence[^3..]);
        }
    }

    /// <summary>
    /// The newest frames of some environments, u8 [BatchSize, H, W, 3] on the GPU, from the dream's own memory. The dream's stream is not libtorch's: what it made
    /// has to be there first. The other way round nothing need wait: a step does not write over the newest frame, and results have come to the host before.
    /// </summary>
    private Tensor Decode(CudaDreamState dream, ReadOnlySpan<int> environments)
    {
        var decoder = _models.Decoder!;
        dream.Stream.Synchronize();
        var latents = new Tensor[BatchSize];
        for (int k = 0; k < BatchSize; k++)
        {
            latents[k] = k < environments.Length
                ? Tensor.FromMemory((nint)dream.NewestLatents(environments[k]).Address, ScalarType.Float32, decoder.Device, 1, _models.Rows, _models.Columns, decoder.LatentChannels)
                : Tensor.Zeros(1, _models.Rows, _models.Columns, decoder.LatentChannels);
        }

        return ImageBatch.ToBytes(decoder.Decode(Tensor.Cat(0, latents).Permute(0, 3, 1, 2)));
    }

    public void Dispose() => _state.Dispose();
}
