using System.Globalization;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>
/// Dreams of several ways, and of the original's own code where it is given, frame by frame in turns: the same weights, context, actions and noise.
/// An episode begins with one frame, so that the window first fills and then slides.
/// </summary>
internal sealed class DreamComparison : IDisposable
{
    /// <summary>Floating-point operations that frames of a GPU are checked with on the processor at most, but for the first two.</summary>
    private const double Checked = 4e12;

    private readonly ComparedModels _models;
    private readonly DreamSide? _reference;
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-bench-").FullName;
    private readonly float[] _context, _actions, _noise;
    private readonly int _checked;

    /// <summary>A comparison of ways of dreaming with the same models.</summary>
    /// <param name="models">Made for these ways; not owned.</param>
    /// <param name="ways">Our ways of dreaming.</param>
    /// <param name="batch">Dreams that advance together, B.</param>
    /// <param name="slid">Frames after the window has slid.</param>
    public DreamComparison(ComparedModels models, IReadOnlyList<DreamWay> ways, int batch = 1, int slid = 3)
    {
        _models = models;
        Batch = batch;
        var config = models.Config;
        Frames = Math.Max(1, config.MaxFrames) + slid;
        _context = Normal(batch * config.FrameNumbers, 1);
        _actions = Normal(Frames * batch * config.ActionDim, 2);
        _noise = Normal(Frames * batch * config.FrameNumbers, 3);
        Sides = [.. ways.Select(way => new DreamSide(way, models, batch, Frames))];
        if (!ways.Any(way => way.OnDevice)) return;
        _checked = (int)Math.Clamp(Checked / WorldModelFlops.Frame(config, DreamMode.Exact, config.SamplingSteps, config.MaxFrames), Math.Min(2, Frames - 1), Frames - 1);
        _reference = new DreamSide(DreamWay.Reference, models, 1, 1 + _checked);
    }

    /// <summary>The model's shape.</summary>
    public WorldModelConfig Config => _models.Config;

    /// <summary>Dreams that advance together.</summary>
    public int Batch { get; }

    /// <summary>Frames of an episode, the context's one included.</summary>
    public int Frames { get; }

    /// <summary>The GPU's name; null without one.</summary>
    public string? Device => _models.OnDevice?.Context.Device.Name;

    /// <summary>Frames of the first environment that a GPU's were compared with the processor's at; 0 without a GPU.</summary>
    public int CheckedFrames => _checked;

    /// <summary>Our ways.</summary>
    public IReadOnlyList<DreamSide> Sides { get; }

    /// <summary>Milliseconds of the original's frames, one array an episode.</summary>
    public List<double[]> Original { get; } = [];

    /// <summary>Starts the original's Python on this comparison's weights and inputs.</summary>
    /// <param name="checkout">A checkout of world-model-eval.</param>
    /// <param name="python">The interpreter.</param>
    /// <param name="device">torch's name of where it dreams: cpu, or a GPU with bfloat16 autocast.</param>
    /// <exception cref="InvalidOperationException">It cannot run.</exception>
    public UpstreamDream Start(string checkout, string python, string device = "cpu")
    {
        UpstreamDream.Check(checkout);
        File.WriteAllText(Path.Combine(_folder, "model.json"), Config.ToJson());
        Npz.Write(Path.Combine(_folder, "weights.npz"), WorldModelBenchmark.RandomArrays(Config), System.IO.Compression.CompressionLevel.NoCompression);
        Npz.Write(Path.Combine(_folder, "input.npz"), new Dictionary<string, NamedArray>
        {
            ["context"] = NamedArray.FromFloat32(_context, 1, Batch, Config.LatentHeight, Config.LatentWidth, Config.InChannels),
            ["actions"] = NamedArray.FromFloat32(_actions, Frames, Batch, Config.ActionDim),
            ["noise"] = NamedArray.FromFloat32(_noise, Frames, Batch, Config.LatentHeight, Config.LatentWidth, Config.InChannels),
        });
        return UpstreamDream.Start(checkout, python, _folder, device);
    }

    /// <summary>Measures <paramref name="pairs"/> episodes of each after one that warms everything up and compares the frames.</summary>
    /// <exception cref="InvalidOperationException">
    /// The frames of a float32 way differ from the original's by more than 2e-4 where they should be equal, or a GPU's from the processor's by more than <see cref="DreamWay.Tolerance"/>.
    /// </exception>
    public void Measure(UpstreamDream? upstream, int pairs, CancellationToken cancellation)
    {
        int frame = Batch * Config.FrameNumbers, action = Batch * Config.ActionDim;
        for (int pair = -1; pair < pairs; pair++)
        {
            upstream?.Begin();
            var original = new double[Frames];
            foreach (var side in Sides) side.Begin(_context, _actions.AsSpan(0, action));
            if (pair < 0) _reference?.Begin(_context.AsSpan(0, Config.FrameNumbers), _actions.AsSpan(0, Config.ActionDim));
            for (int i = 1; i < Frames; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (upstream is not null) original[i] = upstream.Frame();
                foreach (var side in Sides) side.Step(i, _actions.AsSpan(i * action, action), _noise.AsSpan(i * frame, frame));
                if (pair < 0 && i <= _checked) CheckDevice(i);
            }

            if (pair >= 0)
            {
                if (upstream is not null) Original.Add(original);
                foreach (var side in Sides) side.Keep();
                continue;
            }

            if (upstream is null) continue;
            float[] frames = upstream.Frames(_folder);
            foreach (var side in Sides) Compare(side, frames);
        }
    }

    public void Dispose()
    {
        foreach (var side in Sides) side.Dispose();
        _reference?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Holds a GPU's frames up to <paramref name="frame"/> against the processor's, in the first environment.</summary>
    private void CheckDevice(int frame)
    {
        _reference!.Step(frame, _actions.AsSpan(frame * Batch * Config.ActionDim, Config.ActionDim), _noise.AsSpan(frame * Batch * Config.FrameNumbers, Config.FrameNumbers));
        if (frame < _checked) return;
        foreach (var side in Sides.Where(side => side.Way.OnDevice))
        {
            side.Compare(_reference.Frames, 1, side.Way.Mode == DreamMode.Exact ? Frames : Config.MaxFrames);
            if (!(side.Relative <= side.Way.Tolerance))
                throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The frames of '{side.Way}' differ from the processor's by {side.Relative:P2} of their root mean square, more than {side.Way.Tolerance:P2}: its speed means nothing."));
        }
    }

    private void Compare(DreamSide side, float[] frames)
    {
        side.Compare(frames, Batch, Config.MaxFrames);
        if (side.Way.Precision != GemmPrecision.Float32 || side.Way.OnDevice) return;
        double difference = side.Way.Mode == DreamMode.Exact ? side.Difference : side.DifferenceInWindow;
        if (!(difference <= 2e-4))
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The frames of '{side.Way}' differ from the original's by {difference:0.0e0}, more than 2e-4: there is nothing to compare."));
    }

    private static float[] Normal(int length, uint index)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(3, PhiloxStream.Latent, index));
        return values;
    }
}
