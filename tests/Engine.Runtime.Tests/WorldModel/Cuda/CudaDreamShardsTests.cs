using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Runtime.Tests.WorldModel.Cuda;

/// <summary>One dream over several (emulated) GPUs.</summary>
public sealed class CudaDreamShardsTests
{
    private const int Environments = 5, Steps = 4;

    private static WorldModelConfig Config { get; } = WorldModelBenchmark.Small with { Dim = 64, NumLayers = 1, NumHeads = 2, ActionDim = 5, LatentHeight = 4, LatentWidth = 4, SamplingSteps = 2 };

    [Theory]
    [InlineData(DreamMode.Exact)]
    [InlineData(DreamMode.Streaming)]
    public void Environments_dream_what_they_dream_on_the_processor(DreamMode mode)
    {
        using var gpus = new Gpus(2);
        using var shards = new CudaDreamShards(gpus.Models, Environments, mode, seed: 7);
        using var processor = new DreamState(gpus.Weights, Environments, mode, seed: 7);
        // Any order, across the boundary between the two.
        int[] listed = [4, 1, 2, 0, 3];
        float[] expected = Dreams.Roll(processor, Config, listed, Steps);
        // Another environment's noise would be off by as much as the frames themselves.
        Assert.InRange(Dreams.Difference(expected, Dreams.Roll(shards, Config, listed, Steps)).Relative, 0, 0.01);
    }

    [Fact]
    public void A_dream_goes_on_on_the_other_GPU()
    {
        using var gpus = new Gpus(2);
        using var shards = new CudaDreamShards(gpus.Models, Environments, DreamMode.Streaming, seed: 7);
        using var processor = new DreamState(gpus.Weights, Environments, DreamMode.Streaming, seed: 7);
        foreach (var dream in new IDream[] { shards, processor })
        {
            Dreams.Roll(dream, Config, [0], Steps);
            dream.Fork(0, 4, 9);
        }

        Assert.Equal(processor.FrameCount(4), shards.FrameCount(4));
        Assert.InRange(Dreams.Difference(Dreams.Continue(processor, Config, 4), Dreams.Continue(shards, Config, 4)).Relative, 0, 0.01);
    }

    [Fact]
    public void What_cannot_be_shared_out_is_refused()
    {
        using var gpus = new Gpus(2);
        Assert.Contains("1 environments cannot be shared out to 2 GPUs", Assert.Throws<ArgumentException>(() => new CudaDreamShards(gpus.Models, 1)).Message, StringComparison.Ordinal);
        using var shards = new CudaDreamShards(gpus.Models, 2);
        Assert.Throws<ArgumentException>(() => shards.Reset(2, 0, new float[Config.FrameNumbers], new float[Config.ActionDim]));
        shards.Reset(0, 0, new float[Config.FrameNumbers], new float[Config.ActionDim]);
        Assert.Throws<ArgumentException>(() => shards.Step([0, 0], new float[2 * Config.ActionDim], new float[2 * Config.FrameNumbers]));
        Assert.Throws<InvalidOperationException>(() => shards.Step([1], new float[Config.ActionDim], new float[Config.FrameNumbers]));
    }

    private sealed class Gpus : IDisposable
    {
        private readonly EmulatedGpu[] _devices;

        public Gpus(int count)
        {
            _devices = [.. Enumerable.Range(0, count).Select(_ => EmulatedGpu.OpenEmulated())];
            Weights = RandomModel.Create(Config);
            Models = [.. _devices.Select(device => new CudaWorldModel(device.Context, Weights))];
        }

        public WorldModelWeights Weights { get; }

        public CudaWorldModel[] Models { get; }

        public void Dispose()
        {
            foreach (var model in Models) model.Dispose();
            foreach (var device in _devices) device.Dispose();
            Weights.Dispose();
        }
    }
}
