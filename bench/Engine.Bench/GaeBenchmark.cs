using BenchmarkDotNet.Attributes;
using Engine.Kernels.Ops.Gae;
using Engine.Kernels.Ops.Philox;

namespace Engine.Bench;

/// <summary>Advantages of a rollout of 128 steps.</summary>
public class GaeBenchmark
{
    private const int Steps = 128;

    private float[] _rewards = null!, _values = null!, _next = null!, _advantages = null!, _returns = null!;
    private byte[] _terminated = null!, _truncated = null!;

    [Params(1, 64, 4096)]
    public int Environments { get; set; } = 64;

    [GlobalSetup]
    public void Setup()
    {
        int count = Steps * Environments;
        _rewards = new float[count];
        _values = new float[count];
        _next = new float[count];
        _advantages = new float[count];
        _returns = new float[count];
        _terminated = new byte[count];
        _truncated = new byte[count];
        Philox.FillNormal(_rewards, new PhiloxKey(1, PhiloxStream.Latent, 1));
        Philox.FillNormal(_values, new PhiloxKey(1, PhiloxStream.Latent, 2));
        _values.AsSpan(Environments).CopyTo(_next);
    }

    [Benchmark]
    public void Compute() => Gae.Compute(_rewards, _values, _next, _terminated, _truncated, Steps, Environments, 0.98f, 0.95f, _advantages, _returns);
}
