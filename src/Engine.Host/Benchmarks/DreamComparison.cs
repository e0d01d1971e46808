using System.Diagnostics;
using System.Globalization;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Threading;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>
/// Dreams beside the original's own code, frame by frame in turns: the same weights, context, actions and noise, the outputs compared.
/// An episode begins with one frame, so that the window first fills and then slides.
/// </summary>
internal sealed class DreamComparison : IDisposable
{
    /// <summary>Frames that are measured after the window has slid, in each pair.</summary>
    private const int Slid = 3;

    private readonly WorldModelConfig _config;
    private readonly WorldModelWeights _weights;
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-bench-").FullName;
    private readonly float[] _context, _actions, _noise;

    /// <summary>A comparison at the size of <paramref name="config"/>, with random weights that keep activations near one.</summary>
    public DreamComparison(WorldModelConfig config)
    {
        _config = config;
        var arrays = WorldModelBenchmark.RandomArrays(config);
        _weights = WorldModelWeights.Load(arrays, config);
        int frames = config.MaxFrames + Slid;
        _context = Normal(config.FrameNumbers, 1);
        _actions = Normal(frames * config.ActionDim, 2);
        _noise = Normal(frames * config.FrameNumbers, 3);
        File.WriteAllText(Path.Combine(_folder, "model.json"), config.ToJson());
        Npz.Write(Path.Combine(_folder, "weights.npz"), arrays, System.IO.Compression.CompressionLevel.NoCompression);
        Npz.Write(Path.Combine(_folder, "input.npz"), new Dictionary<string, NamedArray>
        {
            ["context"] = NamedArray.FromFloat32(_context, 1, config.LatentHeight, config.LatentWidth, config.InChannels),
            ["actions"] = NamedArray.FromFloat32(_actions, frames, config.ActionDim),
            ["noise"] = NamedArray.FromFloat32(_noise, frames, config.LatentHeight, config.LatentWidth, config.InChannels),
        });
    }

    private int Frames => _config.MaxFrames + Slid;

    /// <summary>Measures <paramref name="pairs"/> pairs and writes the table.</summary>
    /// <exception cref="InvalidOperationException">The original cannot run, or its frames differ from ours by more than 2e-4.</exception>
    public void Run(string title, string checkout, string python, int pairs, TextWriter output, CancellationToken cancellation)
    {
        using var upstream = UpstreamDream.Start(checkout, python, _folder);
        using var exact = new DreamState(_weights, 1, DreamMode.Exact);
        using var streaming = new DreamState(_weights, 1, DreamMode.Streaming);
        var (theirs, ours, fast) = (new List<double[]>(), new List<double[]>(), new List<double[]>());
        var (exactFrames, streamingFrames) = (new float[Frames * _config.FrameNumbers], new float[Frames * _config.FrameNumbers]);
        double difference = 0, drift = 0;
        for (int pair = -1; pair < pairs; pair++)
        {
            upstream.Begin();
            var (a, b, c) = (new double[Frames], new double[Frames], new double[Frames]);
            Begin(exact, exactFrames);
            Begin(streaming, streamingFrames);
            for (int frame = 1; frame < Frames; frame++)
            {
                cancellation.ThrowIfCancellationRequested();
                a[frame] = upstream.Frame();
                b[frame] = Step(exact, frame, exactFrames);
                c[frame] = Step(streaming, frame, streamingFrames);
            }

            if (pair < 0)
            {
                // The first pass warms everything up and shows that both compute the same.
                float[] original = upstream.Frames(_folder);
                for (int i = 0; i < original.Length; i++) difference = Math.Max(difference, Math.Abs(original[i] - exactFrames[i]));
                for (int i = 0; i < original.Length; i++) drift = Math.Max(drift, Math.Abs(original[i] - streamingFrames[i]));
                if (!(difference <= 2e-4))
                    throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The frames differ from the original's by {difference:0.0e0}, more than 2e-4: there is nothing to compare."));
                continue;
            }

            theirs.Add(a);
            ours.Add(b);
            fast.Add(c);
        }

        int last = _config.MaxFrames - 1;
        var figures = new[]
        {
            Line("window has slid, exact", theirs, ours, times => Ratio.MedianOf(times[(last + 1)..])),
            Line("window has slid, streaming", theirs, fast, times => Ratio.MedianOf(times[(last + 1)..])),
            Line("window just full, exact", theirs, ours, times => times[last]),
            Line($"frames 1 to {last}, while the window fills, exact", theirs, ours, times => times[1..(last + 1)].Average()),
        };
        Figure.Write(output, string.Create(CultureInfo.InvariantCulture, $"{title}: ms a frame, one environment, {WorkerPool.Shared.Threads} threads"), upstream.Description, figures);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{pairs} pairs, frame by frame in turns. Greatest difference of the frames from the original's: {difference:0.0e0} exact, {drift:0.0e0} streaming.\n"));
    }

    public void Dispose()
    {
        _weights.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static Figure Line(string name, List<double[]> theirs, List<double[]> ours, Func<double[], double> of)
    {
        double[] a = [.. theirs.Select(of)], b = [.. ours.Select(of)];
        return new Figure(name, string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(b):0.0}"), string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(a):0.0}"), $"{Ratio.Of(a, b)}×");
    }

    private void Begin(DreamState dream, float[] frames)
    {
        dream.Reset(0, 0, _context, _actions.AsSpan(0, _config.ActionDim));
        _context.CopyTo(frames, 0);
    }

    private double Step(DreamState dream, int frame, float[] frames)
    {
        int numbers = _config.FrameNumbers;
        long start = Stopwatch.GetTimestamp();
        dream.Step([0], _actions.AsSpan(frame * _config.ActionDim, _config.ActionDim), _noise.AsSpan(frame * numbers, numbers), frames.AsSpan(frame * numbers, numbers));
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static float[] Normal(int length, uint index)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(3, PhiloxStream.Latent, index));
        return values;
    }
}
