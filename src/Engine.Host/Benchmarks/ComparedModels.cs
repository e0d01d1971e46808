using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Host.Benchmarks;

/// <summary>One model with random weights that keep activations near one, made ready for each way of dreaming: packed on the processor, or uploaded to a GPU.</summary>
internal sealed class ComparedModels : IDisposable
{
    private readonly WorldModelWeights? _float32, _rounded;

    /// <summary>Makes what <paramref name="ways"/> need.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="ways">How it will dream; on a GPU in one precision.</param>
    /// <param name="device">The GPU of the ways that dream on one; not owned.</param>
    public ComparedModels(WorldModelConfig config, IReadOnlyList<DreamWay> ways, CudaContext? device = null)
    {
        Config = config;
        var arrays = WorldModelBenchmark.RandomArrays(config);
        // Frames of a GPU are held against the processor's float32.
        if (ways.Any(way => way.OnDevice || way.Precision == GemmPrecision.Float32)) _float32 = WorldModelWeights.Load(arrays, config);
        if (ways.Any(way => !way.OnDevice && way.Precision == GemmPrecision.BFloat16)) _rounded = WorldModelWeights.Load(arrays, config, GemmPrecision.BFloat16);
        if (ways.Any(way => way.OnDevice)) OnDevice = new CudaWorldModel(device!, _float32!, ways.First(way => way.OnDevice).Precision);
    }

    /// <summary>The model's shape.</summary>
    public WorldModelConfig Config { get; }

    /// <summary>The weights on the GPU; null where no way dreams there.</summary>
    public CudaWorldModel? OnDevice { get; }

    /// <summary>Dreams of <paramref name="environments"/> environments.</summary>
    public IDream Dream(DreamWay way, int environments) => way.OnDevice
        ? new CudaDreamState(OnDevice!, environments, way.Mode)
        : new DreamState((way.Precision == GemmPrecision.BFloat16 ? _rounded : _float32)!, environments, way.Mode);

    public void Dispose()
    {
        OnDevice?.Dispose();
        _float32?.Dispose();
        _rounded?.Dispose();
    }
}
