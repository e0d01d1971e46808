using System.Diagnostics;
using System.Globalization;
using Engine.Kernels.Ops.Gemm;
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
    private readonly WorldModelWeights? _rounded;
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-bench-").FullName;
    private readonly float[] _context, _actions, _noise;

    /// <summary>A comparison at the size of <paramref name="config"/>, with random weights that keep activations near one.</summary>
    public DreamComparison(WorldModelConfig config)
    {
        _config = config;
        var arrays = WorldModelBenchmark.RandomArrays(config);
        _weights = WorldModelWeights.Load(arrays, config);
        if (Gemm.HasBfloat16) _rounded = WorldModelWeights.Load(arrays, config, GemmPrecision.BFloat16);
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
        var sides = new List<Side> { new("exact", new DreamState(_weights, 1, DreamMode.Exact), Frames, _config.FrameNumbers), new("streaming", new DreamState(_weights, 1, DreamMode.Streaming), Frames, _config.FrameNumbers) };
        if (_rounded is not null)
        {
            sides.Add(new("exact, bfloat16", new DreamState(_rounded, 1, DreamMode.Exact), Frames, _config.FrameNumbers));
            sides.Add(new("streaming, bfloat16", new DreamState(_rounded, 1, DreamMode.Streaming), Frames, _config.FrameNumbers));
        }

        var theirs = new List<double[]>();
        for (int pair = -1; pair < pairs; pair++)
        {
            upstream.Begin();
            var original = new double[Frames];
            foreach (var side in sides) Begin(side);
            for (int frame = 1; frame < Frames; frame++)
            {
                cancellation.ThrowIfCancellationRequested();
                original[frame] = upstream.Frame();
                foreach (var side in sides) Step(side, frame);
            }

            if (pair < 0)
            {
                // The first pass warms everything up and shows that both compute the same.
                float[] frames = upstream.Frames(_folder);
                foreach (var side in sides) side.Compare(frames);
                if (!(sides[0].Difference <= 2e-4))
                    throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The frames differ from the original's by {sides[0].Difference:0.0e0}, more than 2e-4: there is nothing to compare."));
            }
            else
            {
                theirs.Add(original);
                foreach (var side in sides) side.Keep();
            }
        }

        int last = _config.MaxFrames - 1;
        var figures = new List<Figure>();
        foreach (var side in sides)
        {
            figures.Add(Line($"window has slid, {side.Name}", theirs, side.Times, times => Ratio.MedianOf(times[(last + 1)..])));
            if (!side.Name.StartsWith("exact", StringComparison.Ordinal)) continue;
            figures.Add(Line($"window just full, {side.Name}", theirs, side.Times, times => times[last]));
            figures.Add(Line($"frames 1 to {last}, while the window fills, {side.Name}", theirs, side.Times, times => times[1..(last + 1)].Average()));
        }

        Figure.Write(output, string.Create(CultureInfo.InvariantCulture, $"{title}: ms a frame, one environment, {WorkerPool.Shared.Threads} threads"), upstream.Description, figures);
        output.WriteLine($"{pairs} pairs, frame by frame in turns. Difference of the frames from the original's, whose numbers have a deviation of about 1: {string.Join("; ", sides)}.\n");
        foreach (var side in sides) side.Dispose();
    }

    public void Dispose()
    {
        _weights.Dispose();
        _rounded?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static Figure Line(string name, List<double[]> theirs, List<double[]> ours, Func<double[], double> of)
    {
        double[] a = [.. theirs.Select(of)], b = [.. ours.Select(of)];
        return new Figure(name, string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(b):0.0}"), string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(a):0.0}"), $"{Ratio.Of(a, b)}×");
    }

    private void Begin(Side side)
    {
        side.Dream.Reset(0, 0, _context, _actions.AsSpan(0, _config.ActionDim));
        _context.CopyTo(side.Latents, 0);
    }

    private void Step(Side side, int frame)
    {
        int numbers = _config.FrameNumbers;
        long start = Stopwatch.GetTimestamp();
        side.Dream.Step([0], _actions.AsSpan(frame * _config.ActionDim, _config.ActionDim), _noise.AsSpan(frame * numbers, numbers), side.Latents.AsSpan(frame * numbers, numbers));
        side.Current[frame] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static float[] Normal(int length, uint index)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(3, PhiloxStream.Latent, index));
        return values;
    }

    /// <summary>One of our ways of making the frames.</summary>
    private sealed class Side(string name, DreamState dream, int frames, int numbers) : IDisposable
    {
        public string Name => name;

        public DreamState Dream => dream;

        public float[] Latents { get; } = new float[frames * numbers];

        public double[] Current { get; } = new double[frames];

        public List<double[]> Times { get; } = [];

        /// <summary>Greatest difference from the original's frames.</summary>
        public double Difference { get; private set; }

        private double RootMeanSquare { get; set; }

        public void Keep() => Times.Add([.. Current]);

        public void Compare(float[] original)
        {
            double squares = 0;
            for (int i = 0; i < original.Length; i++)
            {
                double difference = Math.Abs(original[i] - Latents[i]);
                Difference = Math.Max(Difference, difference);
                squares += difference * difference;
            }

            RootMeanSquare = Math.Sqrt(squares / original.Length);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{name} {Difference:0.0e0} at most, {RootMeanSquare:0.0e0} rms");

        public void Dispose() => dream.Dispose();
    }
}
