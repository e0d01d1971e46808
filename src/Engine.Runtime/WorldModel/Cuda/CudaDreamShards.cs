namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// One dream over several GPUs: each has the weights and a run of neighbouring environments, and all compute at the same time. Environments keep their numbers, so their
/// noise is the one that they have on a single GPU. Not for several threads at once.
/// </summary>
public sealed class CudaDreamShards : IDream
{
    private readonly WorldModelConfig _config;
    private readonly CudaDreamState[] _shards;
    private readonly int[] _first;
    private readonly int[][] _listed;
    private readonly float[][] _actions;
    private readonly float[][] _noise;
    private readonly int[] _counts;

    /// <summary>Room for <paramref name="environments"/> dreams, shared out evenly; each must be reset before its first step.</summary>
    /// <param name="models">The weights on each GPU; shared, not owned. Of one configuration.</param>
    /// <param name="environments">Number of environments, at least one for each GPU.</param>
    /// <param name="mode">What happens when the window slides.</param>
    /// <param name="samplingSteps">DDIM steps S per frame; the configuration's when null.</param>
    /// <param name="seed">Seed of the noise.</param>
    /// <param name="window">Frames in sight; the configuration's max_frames when null.</param>
    /// <exception cref="ArgumentException">There is no GPU, more than environments, or their models differ in shape.</exception>
    public CudaDreamShards(
        IReadOnlyList<CudaWorldModel> models, int environments, DreamMode mode = DreamMode.Exact, int? samplingSteps = null, ulong seed = 0, int? window = null)
    {
        if (models.Count == 0 || models.Count > environments)
            throw new ArgumentException($"{environments} environments cannot be shared out to {models.Count} GPUs; give each at least one.", nameof(models));
        if (models.Any(model => model.Config != models[0].Config || model.Precision != models[0].Precision)) throw new ArgumentException("the models are of different configurations or precisions; load the same weights on each GPU.", nameof(models));
        _config = models[0].Config;
        Environments = environments;
        int count = models.Count;
        _first = [.. Enumerable.Range(0, count + 1).Select(i => (int)((long)environments * i / count))];
        _shards = new CudaDreamState[count];
        try
        {
            for (int i = 0; i < count; i++) _shards[i] = new CudaDreamState(models[i], _first[i + 1] - _first[i], mode, samplingSteps, seed, window, _first[i]);
        }
        catch
        {
            Dispose();
            throw;
        }

        _counts = new int[count];
        _listed = [.. _shards.Select(shard => new int[shard.Environments])];
        _actions = [.. _shards.Select(shard => new float[shard.Environments * _config.ActionDim])];
        _noise = [.. _shards.Select(shard => new float[shard.Environments * _config.FrameNumbers])];
    }

    /// <inheritdoc/>
    public int Environments { get; }

    /// <inheritdoc/>
    public DreamMode Mode => _shards[0].Mode;

    /// <inheritdoc/>
    public int SamplingSteps => _shards[0].SamplingSteps;

    /// <inheritdoc/>
    public int Window => _shards[0].Window;

    /// <inheritdoc/>
    public ulong Seed => _shards[0].Seed;

    /// <inheritdoc/>
    public int FrameCount(int environment) => Of(environment).FrameCount(Local(environment));

    /// <inheritdoc/>
    public void Reset(int environment, uint episode, ReadOnlySpan<float> contextLatents, ReadOnlySpan<float> actions) =>
        Of(environment).Reset(Local(environment), episode, contextLatents, actions);

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, Span<float> latents) => Step(environments, actions, default, latents, injected: false);

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, Span<float> latents)
    {
        LengthCheck.Exactly(nameof(noise), noise.Length, environments.Length, _config.FrameNumbers, "n frames of H·W·C");
        Step(environments, actions, noise, latents, injected: true);
    }

    /// <inheritdoc/>
    public void CopyLatents(int environment, Span<float> latents) => Of(environment).CopyLatents(Local(environment), latents);

    /// <inheritdoc/>
    public void Fork(int source, int destination, uint episode)
    {
        CudaDreamState from = Of(source), to = Of(destination);
        if (from != to)
        {
            to.Restore(Local(destination), from.Snapshot(Local(source)));
            source = destination;
        }

        to.Fork(Local(source), Local(destination), episode);
    }

    /// <inheritdoc/>
    public DreamSnapshot Snapshot(int environment) => Of(environment).Snapshot(Local(environment));

    /// <inheritdoc/>
    public void Restore(int environment, DreamSnapshot snapshot) => Of(environment).Restore(Local(environment), snapshot);

    /// <summary>Frees the buffers on every GPU; the weights live on.</summary>
    public void Dispose()
    {
        foreach (var shard in _shards) shard?.Dispose();
    }

    private void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, Span<float> latents, bool injected)
    {
        int width = _config.ActionDim, frame = _config.FrameNumbers;
        LengthCheck.Exactly(nameof(actions), actions.Length, environments.Length, width, "n actions of A");
        LengthCheck.Exactly(nameof(latents), latents.Length, environments.Length, frame, "n frames of H·W·C");
        Array.Clear(_counts);
        for (int i = 0; i < environments.Length; i++)
        {
            int shard = ShardOf(environments[i]), place = _counts[shard]++;
            if (place == _listed[shard].Length) throw new ArgumentException("An environment is listed twice.", nameof(environments));
            _listed[shard][place] = environments[i] - _first[shard];
            actions.Slice(i * width, width).CopyTo(_actions[shard].AsSpan(place * width));
            if (injected) noise.Slice(i * frame, frame).CopyTo(_noise[shard].AsSpan(place * frame));
        }

        // Each GPU is given its work before the first frame is waited for.
        for (int shard = 0; shard < _shards.Length; shard++)
        {
            int count = _counts[shard];
            if (count > 0) _shards[shard].Begin(_listed[shard].AsSpan(0, count), _actions[shard].AsSpan(0, count * width), injected ? _noise[shard].AsSpan(0, count * frame) : default, injected);
        }

        for (int i = 0; i < environments.Length; i++) CopyLatents(environments[i], latents.Slice(i * frame, frame));
    }

    private int ShardOf(int environment)
    {
        if ((uint)environment >= (uint)Environments) throw new ArgumentException($"environment {environment} is not within 0…{Environments - 1}.", nameof(environment));
        int shard = 0;
        while (environment >= _first[shard + 1]) shard++;
        return shard;
    }

    private CudaDreamState Of(int environment) => _shards[ShardOf(environment)];

    private int Local(int environment) => environment - _first[ShardOf(environment)];
}
