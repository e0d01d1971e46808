using System.Globalization;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Host.Benchmarks;

/// <summary>
/// Dreams of several ways, and of the original's own code where it is given, frame by frame in turns: the same weights, context, actions and noise.
/// An episode begins with one frame, so that the window first fills and then slides.
/// </summary>
internal sealed class DreamComparison : IDisposable
{
    private readonly WorldModelWeights? _weights, _rounded;
    private readonly CudaWorldModel? _onDevice;
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-bench-").FullName;
    private readonly float[] _context, _actions, _noise;

    /// <summary>A comparison at the size of <paramref name="config"/>, with random weights that keep activations near one.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="ways">Our ways of dreaming.</param>
    /// <param name="batch">Dreams that advance together, B.</param>
    /// <param name="slid">Frames after the window has slid.</param>
    /// <param name="device">The GPU of the ways that dream on one.</param>
    public DreamComparison(WorldModelConfig config, IReadOnlyList<DreamWay> ways, int batch = 1, int slid = 3, CudaContext? device = null)
    {
        Config = config;
        Batch = batch;
        Frames = Math.Max(1, config.MaxFrames) + slid;
        var arrays = WorldModelBenchmark.RandomArrays(config);
        if (ways.Any(way => way.Precision == GemmPrecision.Float32)) _weights = WorldModelWeights.Load(arrays, config);
        if (ways.Any(way => way.Precision == GemmPrecision.BFloat16)) _rounded = WorldModelWeights.Load(arrays, config, GemmPrecision.BFloat16);
        if (device is not null) _onDevice = new CudaWorldModel(device, _weights!);
        _context = Normal(batch * config.FrameNumbers, 1);
        _actions = Normal(Frames * batch * config.ActionDim, 2);
        _noise = Normal(Frames * batch * config.FrameNumbers, 3);
        Sides = [.. ways.Select(way => new DreamSide(way, way.Precision == GemmPrecision.BFloat16 ? _rounded! : _weights!, _onDevice, batch, Frames))];
    }

    /// <summary>The model's shape.</summary>
    public WorldModelConfig Config { get; }

    /// <summary>Dreams that advance together.</summary>
    public int Batch { get; }

    /// <summary>Frames of an episode, the context's one included.</summary>
    public int Frames { get; }

    /// <summary>The GPU's name; null without one.</summary>
    public string? Device => _onDevice?.Context.Device.Name;

    /// <summary>Our ways.</summary>
    public IReadOnlyList<DreamSide> Sides { get; }

    /// <summary>Milliseconds of the original's frames, one array an episode.</summary>
    public List<double[]> Original { get; } = [];

    /// <summary>Starts the original's Python on this comparison's weights and inputs.</summary>
    /// <exception cref="InvalidOperationException">It cannot run.</exception>
    public UpstreamDream Start(string checkout, string python)
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
        return UpstreamDream.Start(checkout, python, _folder);
    }

    /// <summary>Measures <paramref name="pairs"/> episodes of each after one that warms everything up and compares the frames.</summary>
    /// <exception cref="InvalidOperationException">The frames of a float32 way differ from the original's by more than 2e-4 where they should be equal.</exception>
    public void Measure(UpstreamDream? upstream, int pairs, CancellationToken cancellation)
    {
        int frame = Batch * Config.FrameNumbers, action = Batch * Config.ActionDim;
        for (int pair = -1; pair < pairs; pair++)
        {
            upstream?.Begin();
            var original = new double[Frames];
            foreach (var side in Sides) side.Begin(_context, _actions.AsSpan(0, action));
            for (int i = 1; i < Frames; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (upstream is not null) original[i] = upstream.Frame();
                foreach (var side in Sides) side.Step(i, _actions.AsSpan(i * action, action), _noise.AsSpan(i * frame, frame));
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
        _onDevice?.Dispose();
        _weights?.Dispose();
        _rounded?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Compare(DreamSide side, float[] frames)
    {
        side.Compare(frames, Config.MaxFrames);
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
