using System.Globalization;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gae;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.LayerNorm;
using Engine.Kernels.Ops.SpatialAttention;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>What the kernels of a world model reach on a GPU: shares of its tensor cores, of cuBLASLt where that is installed, of its memory.</summary>
internal sealed class CudaKernelFigures(CudaContext context, WorldModelConfig config, bool thorough, TextWriter output)
{
    // Dense bf16 by the makers' data sheets, TFLOP/s.
    private static readonly (string Name, double Peak)[] s_peaks = [("H200", 989), ("H100", 989), ("GH200", 989), ("A100", 312), ("B200", 2250), ("L40S", 362)];

    /// <summary>Measures and writes a table for each number of environments, then generalised advantage estimation.</summary>
    public void Run(IReadOnlyList<int> environments, CancellationToken cancellation)
    {
        using CudaStream stream = context.CreateStream();
        using var timing = new DeviceTiming(stream, thorough);
        using var library = CublasLtGemm.TryCreate(stream, null, out _);
        string peer = library is null ? "cuBLASLt (not installed)" : $"cuBLASLt {library.Version}";
        foreach (int count in environments)
        {
            cancellation.ThrowIfCancellationRequested();
            Table($"Kernels, {count} environments of {config.Tokens} tokens, dim {config.Dim}, {config.NumHeads} heads", peer);
            int rows = count * config.Tokens, dim = config.Dim;
            foreach (var (name, outputs, inputs, activation) in new[]
            {
                ("queries, keys, values", 3 * dim, dim, ActivationFunction.None), ("projection", dim, dim, ActivationFunction.None),
                ("MLP out with GELU", 4 * dim, dim, ActivationFunction.GeluTanh), ("MLP back", dim, 4 * dim, ActivationFunction.None),
            })
            {
                Product(stream, timing, library, name, rows, outputs, inputs, activation);
            }

            Attention(stream, timing, count);
            Normalisation(stream, timing, rows);
            output.WriteLine();
        }

        Table("Generalised advantage estimation", "–");
        Advantages(stream, timing, thorough ? 2048 : 64, thorough ? 8192 : 64);
        output.WriteLine();
    }

    private void Product(CudaStream stream, DeviceTiming timing, CublasLtGemm? library, string name, int rows, int outputs, int inputs, ActivationFunction activation)
    {
        using DeviceBuffer<Bfloat16> x = Filled<Bfloat16>(stream, (long)rows * inputs), w = Filled<Bfloat16>(stream, (long)outputs * inputs), y = stream.Allocate<Bfloat16>((long)rows * outputs);
        using DeviceBuffer<float> bias = Filled<float>(stream, outputs);
        CudaLinear linear = CudaLinear.Of(w, bias.Span, inputs, outputs);
        using var own = new GemmWorkspace(stream, Gemm.Plan(stream, rows, linear));
        double ours = timing.Measure(() => Gemm.Multiply(stream, x.Span, rows, linear, y.Span, own, activation)), theirs = double.NaN;
        if (library is not null)
        {
            using var with = new GemmWorkspace(stream, Gemm.Plan(stream, rows, linear)) { Library = library };
            int refused = library.Refused.Count;
            double measured = timing.Measure(() => Gemm.Multiply(stream, x.Span, rows, linear, y.Span, with, activation));
            // What it refuses runs on our own kernel, which is no peer.
            if (library.Refused.Count == refused) theirs = measured;
        }

        double operations = 2.0 * rows * outputs * inputs;
        Line($"{name} [{rows}, {inputs}] · [{inputs}, {outputs}]", ours, double.IsNaN(theirs) ? "" : Milliseconds(theirs), Share(operations, ours) + (double.IsNaN(theirs) ? "" : string.Create(CultureInfo.InvariantCulture, $", {theirs / ours:P0} of cuBLASLt's speed")));
    }

    private void Attention(CudaStream stream, DeviceTiming timing, int frames)
    {
        int tokens = config.Tokens, heads = config.NumHeads, width = config.Dim / heads;
        using DeviceBuffer<Bfloat16> qkv = Filled<Bfloat16>(stream, (long)frames * tokens * 3 * config.Dim), y = stream.Allocate<Bfloat16>((long)frames * tokens * config.Dim);
        double ours = timing.Measure(() => SpatialAttention.Apply(stream, qkv.Span, frames, tokens, heads, width, y.Span));
        Line($"spatial attention, N {tokens}, {heads} heads × {width}", ours, "", Share(4.0 * frames * tokens * tokens * config.Dim, ours));
    }

    private void Normalisation(CudaStream stream, DeviceTiming timing, int rows)
    {
        int dim = config.Dim;
        using DeviceBuffer<float> x = Filled<float>(stream, (long)rows * dim), m = Filled<float>(stream, 2 * dim);
        using DeviceBuffer<Bfloat16> y = stream.Allocate<Bfloat16>((long)rows * dim);
        double ours = timing.Measure(() => LayerNorm.Modulate(stream, x.Span, rows, dim, m.Span, m.Slice(dim, dim), 0, rows, 0, y.Span));
        Line($"layer norm and modulation [{rows}, {dim}]", ours, "", Bandwidth(6.0 * rows * dim, ours));
    }

    private void Advantages(CudaStream stream, DeviceTiming timing, int steps, int environments)
    {
        long count = (long)steps * environments;
        using DeviceBuffer<float> rewards = Filled<float>(stream, count), values = Filled<float>(stream, count), next = Filled<float>(stream, count), advantages = stream.Allocate<float>(count), returns = stream.Allocate<float>(count);
        using DeviceBuffer<byte> ends = Filled<byte>(stream, count);
        double ours = timing.Measure(() => Gae.Compute(stream, rewards, values, next, ends.Span, ends.Span, steps, environments, 0.99f, 0.95f, advantages, returns));
        Line($"GAE [{steps}, {environments}] with returns", ours, "", Bandwidth(22.0 * count, ours));
    }

    private void Table(string title, string peer)
    {
        output.WriteLine($"### {title}\n");
        output.WriteLine($"| figure | here | {peer} | reached |");
        output.WriteLine("|---|--:|--:|--:|");
    }

    private void Line(string name, double milliseconds, string peer, string reached) => output.WriteLine($"| {name} | {Milliseconds(milliseconds)} | {peer} | {reached} |");

    private string Share(double operations, double milliseconds)
    {
        double rate = operations / milliseconds / 1e9;
        double peak = s_peaks.FirstOrDefault(device => context.Device.Name.Contains(device.Name, StringComparison.Ordinal)).Peak;
        return string.Create(CultureInfo.InvariantCulture, $"{rate:0.#} TFLOP/s") + (peak > 0 ? string.Create(CultureInfo.InvariantCulture, $", {rate / peak:P0} of {peak:0}") : "");
    }

    private static string Bandwidth(double bytes, double milliseconds) => string.Create(CultureInfo.InvariantCulture, $"{bytes / milliseconds / 1e6:0} GB/s");

    private static string Milliseconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{1000 * value:0.0} µs");

    /// <summary>Zeros: the time of these kernels does not depend on the numbers, and no number that is not one gets in.</summary>
    private static DeviceBuffer<T> Filled<T>(CudaStream stream, long length)
        where T : unmanaged
    {
        DeviceBuffer<T> buffer = stream.Allocate<T>(length);
        stream.Clear(buffer.Span);
        return buffer;
    }
}
