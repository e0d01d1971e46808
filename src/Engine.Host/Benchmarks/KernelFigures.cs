using System.Diagnostics;
using System.Globalization;
using Engine.Kernels.Diagnostics;
using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Gae;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Threading;
using Engine.Kernels.Variants;
using Engine.Training.Torch;

namespace Engine.Host.Benchmarks;

/// <summary>Kernels against what the machine can do and against libtorch, in turns.</summary>
internal static class KernelFigures
{
    private static readonly (int Rows, int Outputs, int Inputs)[] s_products = [(512, 512, 512), (64, 1536, 384)];

    /// <summary>Measures and writes the tables.</summary>
    public static void Run(int pairs, TextWriter output, CancellationToken cancellation)
    {
        int threads = TorchRuntime.Threads;
        TorchRuntime.Initialise(1);
        try
        {
            Figure.Write(output, "matrix product, one thread", "peer", s_products.SelectMany(shape => Product(shape.Rows, shape.Outputs, shape.Inputs, pairs, cancellation)));
        }
        finally
        {
            TorchRuntime.Initialise(threads);
        }

        Figure.Write(output, $"advantages (GAE), {WorkerPool.Shared.Threads} threads", "memory", [Advantages(2048, 8192, pairs, cancellation)]);
    }

    private static IEnumerable<Figure> Product(int rows, int outputs, int inputs, int pairs, CancellationToken cancellation)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        float[] x = Normal(rows * inputs, 1), w = Normal(outputs * inputs, 2), y = new float[rows * outputs];
        using var packed = new PackedLinear(w, [], inputs, outputs);
        Tensor left = Tensor.FromSpan(x, rows, inputs), right = Tensor.FromSpan(w, outputs, inputs).Transpose(0, 1);
        var variant = KernelVariants.List().Single(table => table.Operation == "gemm").Active;
        double flops = 2.0 * rows * outputs * inputs;
        int repeats = Math.Max(1, (int)(4e8 / flops));
        var (ours, theirs, peak) = (new List<double>(), new List<double>(), new List<double>());
        for (int pair = -1; pair < pairs; pair++)
        {
            cancellation.ThrowIfCancellationRequested();
            double best = ArithmeticPeak.Measure(variant, 0.05);
            double mine = Rate(() => Gemm.Multiply(x, rows, packed, y));
            double torch = Rate(() =>
            {
                using var inner = new TensorScope();
                left.MatMul(right);
            });
            if (pair < 0) continue;
            ours.Add(mine);
            theirs.Add(torch);
            peak.Add(best);
        }

        string shape = $"{rows}×{outputs}×{inputs}";
        yield return Line($"{shape}, share of the measured FMA peak, GFLOP/s", ours, peak);
        yield return Line($"{shape}, against libtorch {TorchRuntime.Version}, GFLOP/s", ours, theirs);

        double Rate(Action action)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++) action();
            return flops * repeats / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
        }
    }

    private static Figure Advantages(int steps, int environments, int pairs, CancellationToken cancellation)
    {
        int count = steps * environments;
        using NativeBuffer<float> rewards = Filled(3), values = Filled(4), next = Filled(5), advantages = new(count), returns = new(count);
        using NativeBuffer<byte> terminated = new(count), truncated = new(count);
        for (int i = 0; i < count; i += 97) terminated.Span[i] = 1;
        for (int i = 13; i < count; i += 211) truncated.Span[i] = 1;
        double bytes = (3.0 * sizeof(float) + 2 + 2.0 * sizeof(float)) * count;
        var (ours, memory) = (new List<double>(), new List<double>());
        for (int pair = -1; pair < pairs; pair++)
        {
            cancellation.ThrowIfCancellationRequested();
            double bandwidth = MemoryBandwidth.Measure();
            long start = Stopwatch.GetTimestamp();
            Gae.Compute(rewards.Span, values.Span, next.Span, terminated.Span, truncated.Span, steps, environments, 0.99f, 0.95f, advantages.Span, returns.Span);
            double rate = bytes / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
            if (pair < 0) continue;
            ours.Add(rate);
            memory.Add(bandwidth);
        }

        return Line($"[{steps}, {environments}] time-major, bytes read and written once, GB/s", ours, memory);

        NativeBuffer<float> Filled(uint index)
        {
            var buffer = new NativeBuffer<float>(count);
            Philox.FillNormal(buffer.Span, new PhiloxKey(4, PhiloxStream.Latent, index));
            return buffer;
        }
    }

    private static Figure Line(string name, List<double> ours, List<double> peer) => new(
        name, string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(ours):0.0}"), string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(peer):0.0}"), $"{Ratio.Of(ours, peer)}");

    private static float[] Normal(int length, uint index)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(4, PhiloxStream.Latent, index));
        return values;
    }
}
