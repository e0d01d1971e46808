using BenchmarkDotNet.Attributes;
using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Convolution;
using Engine.Kernels.Ops.GroupNorm;
using Engine.Kernels.Ops.Philox;

namespace Engine.Bench;

/// <summary>The autoencoder's convolutions on one thread; shapes are side × inputs × outputs × kernel × stride. Operations are those of the plain sum.</summary>
public class ConvolutionBenchmark : ICountsFlops
{
    private NativeBuffer<float> _x = null!, _y = null!, _factors = null!;
    private PackedConvolution _packed = null!;
    private int _side, _inputs, _outputs, _kernel, _stride;

    [Params("8x96x96x3x1", "16x48x48x3x1", "32x24x24x3x1", "32x24x12x3x1", "64x3x24x4x2", "32x24x48x4x2", "16x48x96x4x2", "16x48x48x1x1")]
    public string Shape { get; set; } = "16x48x48x3x1";

    public double Flops
    {
        get
        {
            Parse();
            int side = (_side + 2 * Padding - _kernel) / _stride + 1;
            return 2.0 * side * side * _outputs * _inputs * _kernel * _kernel;
        }
    }

    private int Padding => (_kernel - 1) / 2;

    [GlobalSetup]
    public void Setup()
    {
        Parse();
        var weight = new float[_outputs * _inputs * _kernel * _kernel];
        Philox.FillNormal(weight, new PhiloxKey(1, PhiloxStream.Latent, 2));
        _packed = new PackedConvolution(weight, new float[_outputs], _inputs, _outputs, _kernel, _stride, Padding);
        _x = new NativeBuffer<float>(_side * _side * _inputs);
        _y = new NativeBuffer<float>(_side * _side * Math.Max(_inputs, _outputs));
        _factors = new NativeBuffer<float>(_inputs);
        Philox.FillNormal(_x.Span, new PhiloxKey(1, PhiloxStream.Latent, 1));
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _x.Dispose();
        _y.Dispose();
        _factors.Dispose();
        _packed.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void Plain() => Convolution.Apply(_x.Span, _side, _side, _packed, _y.Span);

    [Benchmark]
    public void Silu() => Convolution.Apply(_x.Span, _side, _side, _packed, _y.Span, ActivationFunction.Silu);

    /// <summary>What stands before it in a residual branch.</summary>
    [Benchmark]
    public void NormSilu() => GroupNorm.Apply(_x.Span, _side * _side, _inputs, 1, _factors.Span, _factors.Span, ActivationFunction.Silu, _y.Span, 0, _side * _side);

    private void Parse()
    {
        int[] sizes = [.. Shape.Split('x').Select(int.Parse)];
        (_side, _inputs, _outputs, _kernel, _stride) = (sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]);
    }
}
