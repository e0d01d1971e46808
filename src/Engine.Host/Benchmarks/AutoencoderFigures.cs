using System.Diagnostics;
using System.Globalization;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Threading;
using Engine.Runtime.Autoencoding;
using Engine.Runtime.Interop;
using Engine.Runtime.Onnx;
using Engine.Training.Algorithms;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Host.Benchmarks;

/// <summary>The quickstart's autoencoder on the runtime's kernels beside ONNX Runtime and libtorch: the same weights, float32 in and out, in turns.</summary>
internal static class AutoencoderFigures
{
    private const int Side = 64, Frames = 64;

    private static readonly int[] s_batches = [1, 16, 64];

    /// <summary>Measures and writes a table for one thread and one for all.</summary>
    public static void Run(int pairs, TextWriter output, CancellationToken cancellation)
    {
        var options = new AutoencoderTraining.Options();
        using var model = RandomModel(options);
        int before = TorchRuntime.Threads;
        try
        {
            foreach (int threads in new[] { 1, WorkerPool.Shared.Threads }.Distinct())
            {
                TorchRuntime.Initialise(threads);
                using var pool = new WorkerPool(threads);
                var (figures, difference) = Measure(model, pool, pairs, cancellation);
                string peers = $"ONNX Runtime {OnnxRuntimeLibrary.Version} / libtorch {TorchRuntime.Version}";
                Figure.Write(output, $"autoencoder, {Side}×{Side} images, width {options.Width}, latents {Side / 8}×{Side / 8}×{options.LatentChannels}, {threads} {(threads == 1 ? "thread" : "threads")}: ms a frame", peers, figures);
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{pairs} pairs. Difference from libtorch's numbers: {difference:0.0e+0} at most.\n"));
            }
        }
        finally
        {
            TorchRuntime.Initialise(before);
        }
    }

    private static (List<Figure> Figures, float Difference) Measure(VariationalAutoencoder model, WorkerPool pool, int pairs, CancellationToken cancellation)
    {
        var weights = TensorConversion.ToNamedArrays(model.StateDict());
        using var ours = Autoencoder.Load(weights, Side, Side, pool);
        var sessionOptions = new OnnxSessionOptions { Threads = pool.Threads, AllowSpinning = true };
        using var encoder = OnnxSession.FromBytes(AutoencoderGraph.Encoder(weights, ours.LatentChannels, Side, Side), sessionOptions);
        using var decoder = OnnxSession.FromBytes(AutoencoderGraph.Decoder(weights, ours.LatentChannels, Side, Side), sessionOptions);
        using var noGrad = new NoGrad();
        var figures = new List<Figure>();
        float worst = 0;
        foreach (bool decodes in new[] { true, false })
        {
            foreach (int batch in s_batches)
            {
                int numbers = decodes ? ours.LatentNumbers : ours.ImageNumbers;
                float[] input = Normal(batch * numbers), result = new float[batch * (decodes ? ours.ImageNumbers : ours.LatentNumbers)];
                using var scope = new TensorScope();
                var (rows, columns, channels) = decodes ? (ours.Rows, ours.Columns, ours.LatentChannels) : (Side, Side, 3);
                var tensor = Tensor.FromSpan(input, batch, rows, columns, channels).Permute(0, 3, 1, 2);
                using var given = OnnxTensor.From<float>(tensor.Contiguous().ToArray(), batch, channels, rows, columns);
                using var made = OnnxTensor.Zeros(OnnxElementType.Float32, decodes ? [batch, 3, Side, Side] : [batch, ours.LatentChannels, ours.Rows, ours.Columns]);
                var (a, b, c) = (new List<double>(), new List<double>(), new List<double>());
                for (int pair = -1; pair < pairs; pair++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    double mine = Time(batch, () =>
                    {
                        if (decodes) ours.Decode(input, result);
                        else ours.Encode(input, result);
                    });
                    double onnx = Time(batch, () => (decodes ? decoder : encoder).Run([given], [made]));
                    double torch = Time(batch, () =>
                    {
                        using var inner = new TensorScope();
                        _ = decodes ? model.Decode(tensor) : model.Encode(tensor);
                    });
                    if (pair < 0) continue;
                    a.Add(mine);
                    b.Add(onnx);
                    c.Add(torch);
                }

                float[] expected = (decodes ? model.Decode(tensor) : model.Encode(tensor)).Permute(0, 2, 3, 1).Contiguous().ToArray();
                worst = Math.Max(worst, expected.Zip(result, (e, r) => Math.Abs(e - r)).Max());
                figures.Add(new Figure(
                    $"{(decodes ? "decode" : "encode")}, {batch} together", Number(a), $"{Number(b)} / {Number(c)}", $"{Ratio.Of(b, a)}× / {Ratio.Of(c, a)}×"));
            }
        }

        return (figures, worst);
    }

    /// <summary>Milliseconds a frame.</summary>
    private static double Time(int batch, Action action)
    {
        int repeats = Math.Max(1, Frames / batch);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++) action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / (repeats * batch);
    }

    private static string Number(List<double> values) => Ratio.MedianOf(values).ToString("0.000", CultureInfo.InvariantCulture);

    /// <summary>Weights that keep the size of what goes through them, so that differences mean something.</summary>
    private static VariationalAutoencoder RandomModel(AutoencoderTraining.Options options)
    {
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        var init = new WeightInitialiser(7);
        var model = new VariationalAutoencoder(init, options.LatentChannels, options.Width);
        foreach (var (_, parameter) in model.NamedParameters())
        {
            if (parameter.Shape.Length == 4) parameter.CopyInPlace(init.Normal(1.5 / Math.Sqrt(parameter.NumElements / parameter.Shape[0]), parameter.Shape));
        }

        return model;
    }

    private static float[] Normal(int length)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(4, PhiloxStream.Latent));
        return values;
    }
}
