using System.Diagnostics;
using System.Globalization;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>Dreams of one <see cref="DreamWay"/> in a <see cref="DreamComparison"/>, with their times and their frames.</summary>
internal sealed class DreamSide : IDisposable
{
    private readonly IDream _dream;
    private readonly int[] _listed;
    private readonly double[] _current;
    private readonly float[] _latents;

    /// <summary>Dreams of <paramref name="batch"/> environments, <paramref name="frames"/> frames with the context.</summary>
    public DreamSide(DreamWay way, ComparedModels models, int batch, int frames)
    {
        Way = way;
        long before = models.OnDevice?.Context.HeldBytes ?? 0;
        _dream = models.Dream(way, batch);
        DeviceBytes = (models.OnDevice?.Context.HeldBytes ?? 0) - before;
        _listed = [.. Enumerable.Range(0, batch)];
        _current = new double[frames];
        _latents = new float[batch * models.Config.FrameNumbers];
        Frames = new float[frames * _latents.Length];
    }

    /// <summary>How it dreams.</summary>
    public DreamWay Way { get; }

    /// <summary>The frames of the last episode, [F, B, H, W, C].</summary>
    public float[] Frames { get; }

    /// <summary>Milliseconds of each step of all environments; one array an episode, the context's frame left at 0.</summary>
    public List<double[]> Times { get; } = [];

    /// <summary>Memory of the GPU that the dreams hold, without the weights.</summary>
    public long DeviceBytes { get; }

    /// <summary>Managed bytes that the process allocated in the steps of the last episode.</summary>
    public long Allocated { get; private set; }

    /// <summary>Greatest difference from the original's frames; NaN before <see cref="Compare"/>.</summary>
    public double Difference { get; private set; } = double.NaN;

    /// <summary>The same for the frames before the window has slid.</summary>
    public double DifferenceInWindow { get; private set; } = double.NaN;

    /// <summary>Root mean square of the differences.</summary>
    public double RootMeanSquare { get; private set; } = double.NaN;

    /// <summary>Root mean square of the differences before the window has slid, over that of what they were compared with.</summary>
    public double Relative { get; private set; } = double.NaN;

    /// <summary>Begins the episode again from one frame of context, [B, H, W, C], and its action, [B, A].</summary>
    public void Begin(ReadOnlySpan<float> context, ReadOnlySpan<float> actions)
    {
        int frame = context.Length / _listed.Length, width = actions.Length / _listed.Length;
        foreach (int i in _listed) _dream.Reset(i, 0, context.Slice(i * frame, frame), actions.Slice(i * width, width));
        context.CopyTo(Frames);
        Allocated = 0;
    }

    /// <summary>One more frame of every environment under its action, [B, A], from given noise, [B, H, W, C].</summary>
    public void Step(int frame, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise)
    {
        long before = GC.GetTotalAllocatedBytes(precise: true), start = Stopwatch.GetTimestamp();
        _dream.Step(_listed, actions, noise, _latents);
        _current[frame] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        Allocated += GC.GetTotalAllocatedBytes(precise: true) - before;
        _latents.CopyTo(Frames, frame * _latents.Length);
    }

    /// <summary>Keeps the episode's times.</summary>
    public void Keep() => Times.Add([.. _current]);

    /// <summary>Compares the episode's frames with others of its first environments, [F, environments, H, W, C], of which the first <paramref name="window"/> frames did not yet slide.</summary>
    public void Compare(ReadOnlySpan<float> expected, int environments, int window)
    {
        double squares = 0, squaresInWindow = 0, power = 0;
        int row = _latents.Length / _listed.Length * environments;
        (Difference, DifferenceInWindow) = (0, 0);
        for (int i = 0; i < expected.Length; i++)
        {
            int frame = i / row;
            double difference = Math.Abs((double)expected[i] - Frames[frame * _latents.Length + i % row]);
            Difference = double.IsNaN(difference) ? difference : Math.Max(Difference, difference);
            squares += difference * difference;
            if (frame >= window) continue;
            DifferenceInWindow = Difference;
            // The first frame is given.
            if (frame == 0) continue;
            squaresInWindow += difference * difference;
            power += (double)expected[i] * expected[i];
        }

        RootMeanSquare = Math.Sqrt(squares / expected.Length);
        Relative = Math.Sqrt(squaresInWindow / power);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Way} {Difference:0.0e0} at most, {RootMeanSquare:0.0e0} rms");

    public void Dispose() => _dream.Dispose();
}
