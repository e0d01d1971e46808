using BenchmarkDotNet.Attributes;
using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.LayerNorm;
using Engine.Kernels.Ops.Philox;

namespace Engine.Bench;

/// <summary>What stands between the products, on 128 rows of 512 numbers.</summary>
public class ElementwiseBenchmark
{
    private const int Rows = 128, Width = 512;

    private readonly NativeBuffer<float> _x = new(Rows * Width), _y = new(Rows * Width), _modulation = new(2 * Width);

    [GlobalSetup]
    public void Setup() => Philox.FillNormal(_x.Span, new PhiloxKey(1, PhiloxStream.Latent));

    [Benchmark]
    public void Gelu() => Activation.Apply(ActivationFunction.GeluTanh, _x.Span, _y.Span);

    [Benchmark]
    public void Silu() => Activation.Apply(ActivationFunction.Silu, _x.Span, _y.Span);

    [Benchmark]
    public void LayerNormModulate() => LayerNorm.Modulate(_x.Span, Rows, Width, _modulation.Span, _modulation.Slice(Width, Width), 0, Rows, 0, _y.Span);

    [Benchmark]
    public void Normal() => Philox.FillNormal(_y.Span, new PhiloxKey(1, PhiloxStream.DreamNoise));
}
