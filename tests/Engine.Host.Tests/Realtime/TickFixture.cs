using Engine.Host.Realtime;
using Engine.Kernels.Interop;

namespace Engine.Host.Tests.Realtime;

/// <summary>A control tick with a writer, ticked by the test at times of its own: 100 Hz unless said otherwise.</summary>
internal sealed class TickFixture : IDisposable
{
    private readonly ControlTick _tick;
    private long _now = 1_000_000_000;

    internal TickFixture(TickSettings settings)
    {
        Need();
        Settings = settings;
        _tick = new ControlTick(Path, settings);
        Writer = ActionRing.OpenWriter(Path);
    }

    internal string Path { get; } = NewPath();

    internal TickSettings Settings { get; }

    internal ActionRing Writer { get; set; }

    internal long Now => _now;

    internal long Period => (long)Math.Round(1e9 / Settings.Rate);

    internal TickStatus Status => Writer.ReadStatus();

    /// <summary>A displacement in m (0.01 a tick at most at 100 Hz, box ±1) and a gripper.</summary>
    internal static TickSettings Delta { get; } = new()
    {
        Limits = [new ActionLimits(ActionKind.Delta, -1, 1, 1), new ActionLimits(ActionKind.Switch, 0, 1)],
        Horizon = 8,
        HoldTicks = 3,
        RampTicks = 4,
    };

    internal static string NewPath() => $"/dev/shm/engine-test-{Guid.NewGuid():N}";

    internal static void Need() =>
        Assert.SkipUnless(NativeLibraryLocator.TryFind("eng_realtime") is not null, "libeng_realtime.so is not built here");

    /// <summary>The arm at a position, the tick resumed and stopped.</summary>
    internal TickFixture Anchored(params float[] position)
    {
        Writer.Anchor(position);
        Step();
        Assert.Equal(TickState.Stopped, Status.State);
        return this;
    }

    /// <summary>Submits a chunk of delta rows with the gripper open, resumes, and ticks once: the first action is out.</summary>
    internal TickPublication Begin(params float[] deltas)
    {
        Submit(deltas);
        Writer.Resume();
        var first = Step();
        Assert.Equal(TickState.Running, first.Source);
        return first;
    }

    internal ulong Submit(params float[] deltas) => Writer.Submit(deltas.SelectMany(delta => new[] { delta, 1f }).ToArray());

    /// <summary>Ticks; gives what was published last.</summary>
    internal TickPublication Step(int ticks = 1)
    {
        for (int i = 0; i < ticks; i++) _tick.Step(_now += Period);
        Assert.True(Writer.TryRead(out var publication));
        return publication;
    }

    /// <summary>Ticks after a pause of several periods.</summary>
    internal TickPublication StepAfter(int periods)
    {
        _now += (periods - 1) * Period;
        return Step();
    }

    /// <summary>The states of the coming ticks.</summary>
    internal TickState[] States(int ticks) => [.. Enumerable.Range(0, ticks).Select(_ => Step().Source)];

    internal void Tick(long now) => _tick.Step(now);

    public void Dispose()
    {
        Writer.Dispose();
        _tick.Dispose();
        Assert.False(File.Exists(Path));
    }
}
