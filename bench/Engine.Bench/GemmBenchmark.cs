using BenchmarkDotNet.Attributes;
using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.Philox;

namespace Engine.Bench;

/// <summary>The world model's products on one thread; shapes are rows × inputs × outputs.</summary>
public class GemmBenchmark : ICountsFlops
{
    private NativeBuffer<float> _x = null!, _y = null!, _gates = null!;
    private PackedLinear _linear = null!;
    private int _rows, _inputs, _outputs;

    [Params("8x128x6400", "128x128x384", "128x128x512", "128x512x128", "64x256x1024", "64x1024x256", "512x1024x1024")]
    public string Shape { get; set; } = "128x128x384";

    public double Flops
    {
        get
        {
            Parse();
            return 2.0 * _rows * _inputs * _outputs;
        }
    }

    [GlobalSetup]
    public void Setup()
    {
        Parse();
        _x = new NativeBuffer<float>(_rows * _inputs);
        _y = new NativeBuffer<float>(_rows * _outputs);
        _gates = new NativeBuffer<float>(_outputs);
        var weight = new float[_inputs * _outputs];
        Philox.FillNormal(_x.Span, new PhiloxKey(1, PhiloxStream.Latent, 1));
        Philox.FillNormal(weight, new PhiloxKey(1, PhiloxStream.Latent, 2));
        _linear = new PackedLinear(weight, new float[_outputs], _inputs, _outputs);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _x.Dispose();
        _y.Dispose();
        _gates.Dispose();
        _linear.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void Plain() => Gemm.Multiply(_x.Span, _rows, _linear, _y.Span);

    [Benchmark]
    public void Gelu() => Gemm.Multiply(_x.Span, _rows, _linear, _y.Span, ActivationFunction.GeluTanh);

    [Benchmark]
    public void Gated() => Gemm.MultiplyGated(_x.Span, _rows, _linear, _gates.Span, 0, _rows, 0, _y.Span);

    private void Parse()
    {
        int[] sizes = [.. Shape.Split('x').Select(int.Parse)];
        (_rows, _inputs, _outputs) = (sizes[0], sizes[1], sizes[2]);
    }
}
