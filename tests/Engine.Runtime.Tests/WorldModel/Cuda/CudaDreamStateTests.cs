using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Runtime.Tests.WorldModel.Cuda;

/// <summary>Dreams on an emulated device, from the kernels' own sources.</summary>
public sealed class CudaDreamStateTests
{
    private static readonly WorldModelConfig Config = RandomModel.Small with { NumLayers = 2, LatentHeight = 4, LatentWidth = 4 };

    [Theory]
    [InlineData(false, false, DreamMode.Exact)]
    [InlineData(true, false, DreamMode.Streaming)]
    [InlineData(false, true, DreamMode.Streaming)]
    [InlineData(true, true, DreamMode.Exact)]
    public void Frames_are_the_processors_to_the_rounding_of_bfloat16(bool previous, bool change, DreamMode mode)
    {
        WorldModelConfig config = Config with { PreviousFrameInput = previous, PredictChange = change };
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(config);
        using var model = new CudaWorldModel(gpu.Context, weights);
        using var device = new CudaDreamState(model, 2, mode, seed: 7);
        using var processor = new DreamState(weights, 2, mode, seed: 7);
        const int Steps = 6;
        float[] expected = Dreams.Roll(processor, config, [0, 1], Steps), actual = Dreams.Roll(device, config, [0, 1], Steps);
        var (relative, worst) = Dreams.Difference(expected, actual);
        TestContext.Current.TestOutputHelper?.WriteLine($"relative error {relative:E2}, worst {worst:E2}");
        Assert.InRange(relative, 1e-5, 0.01);
        Assert.InRange(worst, 1e-5, 0.05);
    }

    [Theory]
    [InlineData(false, false, DreamMode.Streaming)]
    [InlineData(true, true, DreamMode.Exact)]
    public void In_float32_frames_are_the_processors(bool previous, bool change, DreamMode mode)
    {
        WorldModelConfig config = Config with { PreviousFrameInput = previous, PredictChange = change };
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(config);
        using var model = new CudaWorldModel(gpu.Context, weights, GemmPrecision.Float32);
        using var device = new CudaDreamState(model, 2, mode, seed: 7);
        using var processor = new DreamState(weights, 2, mode, seed: 7);
        float[] expected = Dreams.Roll(processor, config, [0, 1], 6), actual = Dreams.Roll(device, config, [0, 1], 6);
        var (relative, worst) = Dreams.Difference(expected, actual);
        TestContext.Current.TestOutputHelper?.WriteLine($"relative error {relative:E2}, worst {worst:E2}");
        Assert.InRange(relative, 0, 1e-5);
        Assert.InRange(worst, 0, 1e-4);
        // Caches and snapshots are float32 as well: what goes on from one goes on with the same bits.
        DreamSnapshot snapshot = device.Snapshot(1);
        float[] next = Dreams.Continue(device, config, 1);
        device.Restore(1, snapshot);
        Assert.Equal(next, Dreams.Continue(device, config, 1));
        using var rounded = new CudaWorldModel(gpu.Context, weights);
        using var other = new CudaDreamState(rounded, 2, mode);
        Assert.Contains("another kind", Assert.Throws<ArgumentException>(() => other.Restore(1, snapshot)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DreamMode.Exact)]
    [InlineData(DreamMode.Streaming)]
    public void A_frame_depends_on_its_own_environment_only_bit_for_bit(DreamMode mode)
    {
        // Eleven frames do not fill a batch of twelve; the last one fills it up.
        const int Environments = 11, Steps = 5;
        int[] all = [.. Enumerable.Range(0, Environments)], some = [9, 0, 4, 7, 3];
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config with { PreviousFrameInput = true });
        using var model = new CudaWorldModel(gpu.Context, weights);
        using var dream = new CudaDreamState(model, Environments, mode, seed: 7);
        int numbers = Steps * Config.FrameNumbers;
        float[] together = Dreams.Roll(dream, Config, all, Steps), part = Dreams.Roll(dream, Config, some, Steps);
        for (int i = 0; i < some.Length; i++)
            Assert.Equal(together[(some[i] * numbers)..((some[i] + 1) * numbers)], part[(i * numbers)..((i + 1) * numbers)]);
        foreach (int e in new[] { 0, 10 })
            Assert.Equal(together[(e * numbers)..((e + 1) * numbers)], Dreams.Roll(dream, Config, [e], Steps));
        Assert.DoesNotContain(float.NaN, together);
    }

    [Fact]
    public void Threads_and_blocks_may_run_in_any_order()
    {
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var model = new CudaWorldModel(gpu.Context, weights);
        using var dream = new CudaDreamState(model, 2, DreamMode.Exact, seed: 7);
        float[] ascending = Dreams.Roll(dream, Config, [0, 1], 3);
        foreach (EmulationOrder order in new[] { EmulationOrder.Descending, EmulationOrder.Shuffled })
        {
            gpu.Emulation.Order = order;
            Assert.Equal(ascending, Dreams.Roll(dream, Config, [0, 1], 3));
        }
    }

    [Theory]
    [InlineData(DreamMode.Exact)]
    [InlineData(DreamMode.Streaming)]
    public void Snapshots_and_forks_continue_where_they_were_taken(DreamMode mode)
    {
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config with { PreviousFrameInput = true });
        using var model = new CudaWorldModel(gpu.Context, weights);
        using var dream = new CudaDreamState(model, 3, mode, seed: 7);
        Dreams.Roll(dream, Config, [0, 1], 3);
        DreamSnapshot snapshot = dream.Snapshot(1);
        float[] first = Dreams.Continue(dream, Config, 1);
        dream.Restore(1, snapshot);
        Assert.Equal(first, Dreams.Continue(dream, Config, 1));

        dream.Restore(1, snapshot);
        dream.Fork(1, 2, episode: 5);
        Assert.NotEqual(first, Dreams.Continue(dream, Config, 2));
        Assert.Equal(dream.FrameCount(1) + 4, dream.FrameCount(2));

        // With the noise given, the past is all that counts.
        dream.Fork(1, 0, episode: 9);
        float[] noise = RandomModel.Normal(Config.FrameNumbers, 5), action = RandomModel.Normal(Config.ActionDim, 6);
        float[] left = new float[Config.FrameNumbers], right = new float[Config.FrameNumbers];
        dream.Step([0], action, noise, left);
        dream.Step([1], action, noise, right);
        Assert.Equal(left, right);
        dream.CopyLatents(0, right);
        Assert.Equal(left, right);

        using var processor = new DreamState(weights, 3, mode);
        Assert.Contains("another kind", Assert.Throws<ArgumentException>(() => processor.Restore(1, snapshot)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Noise_is_keyed_by_seed_environment_episode_and_frame()
    {
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var model = new CudaWorldModel(gpu.Context, weights);
        float[] context = RandomModel.Normal(Config.FrameNumbers, 1), action = RandomModel.Normal(Config.ActionDim, 2);
        var seen = new List<float[]>();
        foreach (var (seed, environment, episode) in new[] { (1UL, 0, 0U), (2UL, 0, 0U), (1UL << 40, 0, 0U), (1UL, 1, 0U), (1UL, 0, 1U), (1UL, 0, 0U) })
        {
            using var dream = new CudaDreamState(model, 2, seed: seed);
            var latents = new float[Config.FrameNumbers];
            dream.Reset(environment, episode, context, action);
            dream.Step([environment], action, latents);
            seen.Add(latents);
        }

        Assert.Equal(seen[0], seen[^1]);
        for (int i = 0; i < seen.Count - 1; i++)
        {
            for (int j = 0; j < i; j++) Assert.NotEqual(seen[i], seen[j]);
        }
    }

    [Fact]
    public void Wrong_arguments_are_named()
    {
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var model = new CudaWorldModel(gpu.Context, weights);
        using var dream = new CudaDreamState(model, 2);
        float[] frame = new float[Config.FrameNumbers], action = new float[Config.ActionDim];
        Assert.Contains("Reset", Assert.Throws<InvalidOperationException>(() => dream.Step([0], action, frame)).Message, StringComparison.Ordinal);
        dream.Reset(0, 0, frame, action);
        Assert.Contains("twice", Assert.Throws<ArgumentException>(() => dream.Step([0, 0], [.. action, .. action], [.. frame, .. frame])).Message, StringComparison.Ordinal);
        Assert.Contains("0…1", Assert.Throws<ArgumentException>(() => dream.Step([2], action, frame)).Message, StringComparison.Ordinal);
        Assert.Contains("actions", Assert.Throws<ArgumentException>(() => dream.Step([0], action.AsSpan(1), frame)).Message, StringComparison.Ordinal);
        Assert.Contains("latents", Assert.Throws<ArgumentException>(() => dream.Step([0], action, frame.AsSpan(1))).Message, StringComparison.Ordinal);
        Assert.Contains("at least one frame", Assert.Throws<ArgumentException>(() => dream.Reset(0, 0, [], [])).Message, StringComparison.Ordinal);
        Assert.Contains("1…64 frames", Assert.Throws<ArgumentOutOfRangeException>(() => new CudaDreamState(model, 1, window: 65)).Message, StringComparison.Ordinal);
        dream.Step([0], action, frame);
        Assert.Equal(2, dream.FrameCount(0));
        foreach (WorldModelConfig bad in new[] { Config with { NumHeads = 8 }, Config with { InChannels = 1 } })
        {
            using WorldModelWeights unfit = RandomModel.Create(bad);
            Assert.Contains("The processor runs every shape", Assert.Throws<NotSupportedException>(() => new CudaWorldModel(gpu.Context, unfit)).Message, StringComparison.Ordinal);
        }
    }
}
