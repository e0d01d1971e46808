using System.Globalization;
using Engine.Host.Realtime.Interop;
using Engine.Runtime.Contract;

namespace Engine.Host.Realtime;

/// <summary>How a control tick runs and what it allows.</summary>
public sealed record TickSettings
{
    /// <summary>One entry a number of the action, 1 to 32.</summary>
    public required IReadOnlyList<ActionLimits> Limits { get; init; }

    /// <summary>Longest chunk, 1 to 1024 actions.</summary>
    public int Horizon { get; init; } = 1;

    /// <summary>Ticks a second (Hz), 0.1 to 10 000.</summary>
    public double Rate { get; init; } = 100;

    /// <summary>Ticks that one action of a chunk lasts.</summary>
    public int TicksPerAction { get; init; } = 1;

    /// <summary>Ticks that the last action is repeated when nothing newer is there.</summary>
    public int HoldTicks { get; init; }

    /// <summary>Ticks from the end of the hold to standing still.</summary>
    public int RampTicks { get; init; }

    /// <summary>Refuse a chunk with an action beyond a limit; otherwise actions are clamped tick by tick.</summary>
    public bool Refuse { get; init; }

    /// <summary>A new chunk alone ends a stop that nobody asked for.</summary>
    public bool AutoResume { get; init; }

    /// <summary>Greatest age of the last sign of life; zero does not watch it.</summary>
    public TimeSpan Heartbeat { get; init; }

    /// <summary>Greatest age of a chunk's observation when the chunk is taken; zero does not watch it.</summary>
    public TimeSpan ObservationAge { get; init; }

    /// <summary>The limits of a policy's contract: six displacements (m, rad) with step limits and workspace, and the gripper, which is kept at a stop.</summary>
    /// <param name="contract">The contract.</param>
    /// <param name="rate">Ticks a second; a whole multiple of the contract's control rate, or 0 for that rate itself.</param>
    /// <param name="acceleration">Greatest accelerations (m/s², rad/s²), six numbers; empty for none.</param>
    /// <exception cref="ArgumentException">The action is another one, or the rates do not fit.</exception>
    public static TickSettings FromContract(PolicyContract contract, double rate = 0, IReadOnlyList<double>? acceleration = null)
    {
        if (contract.ActionNames.Length != 7)
            throw new ArgumentException($"the policy '{contract.Name}' has actions of {contract.ActionNames.Length} numbers; the tick knows six displacements with a gripper.", nameof(contract));
        var arm = contract.Embodiment;
        if (rate == 0) rate = arm.ControlHz;
        double ticks = Math.Round(rate / arm.ControlHz);
        if (ticks < 1 || Math.Abs(ticks * arm.ControlHz - rate) > 1e-9 * rate)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"a rate of {rate} Hz is no whole multiple of the policy's {arm.ControlHz} Hz."), nameof(rate));
        if (acceleration is { Count: not (0 or 6) })
            throw new ArgumentException($"{acceleration.Count} accelerations are given; expected six, for x, y, z (m/s²), roll, pitch, yaw (rad/s²).", nameof(acceleration));
        var limits = new ActionLimits[7];
        for (int i = 0; i < 6; i++)
        {
            limits[i] = new ActionLimits(
                ActionKind.Delta, arm.PoseLow[i], arm.PoseHigh[i], arm.StepLimit[i] * arm.ControlHz, acceleration is { Count: 6 } ? acceleration[i] : double.PositiveInfinity);
        }

        limits[6] = new ActionLimits(ActionKind.Switch, 0, 1);
        return new TickSettings
        {
            Limits = limits,
            Horizon = contract.ActionHorizon,
            Rate = rate,
            TicksPerAction = (int)ticks,
            HoldTicks = 2 * (int)ticks,
            RampTicks = (int)ticks,
            Heartbeat = TimeSpan.FromSeconds(Math.Max(0.5, 2 / arm.ControlHz)),
            ObservationAge = TimeSpan.FromSeconds(Math.Max(1, 2 * contract.ActionHorizon / arm.ControlHz)),
        };
    }

    /// <summary>The arguments of the process <c>engine-tick</c>.</summary>
    internal IEnumerable<string> ToArguments(string ring, int priority, int linger)
    {
        string[] all =
        [
            "--ring", ring, "--rate", Number(Rate), "--horizon", Number(Horizon), "--ticks-per-action", Number(TicksPerAction), "--hold", Number(HoldTicks),
            "--ramp", Number(RampTicks), "--heartbeat-ms", Number(Heartbeat.TotalMilliseconds), "--observation-ms", Number(ObservationAge.TotalMilliseconds),
            "--priority", Number(priority), "--linger", Number(linger),
        ];
        var dimensions = Limits.SelectMany(limit => new[]
        {
            "--dimension", string.Join(',', [$"{limit.Kind}".ToLowerInvariant(), .. new[] { limit.Low, limit.High, limit.Velocity, limit.Acceleration, limit.Safe }.Select(Number)]),
        });
        return [.. all, .. Refuse ? ["--refuse"] : Array.Empty<string>(), .. AutoResume ? ["--auto-resume"] : Array.Empty<string>(), .. dimensions];
    }

    internal RealtimeNative.Config ToNative()
    {
        if (Limits.Count is < 1 or > RealtimeNative.MaxWidth)
            throw new ArgumentException($"actions of {Limits.Count} numbers; expected 1 to {RealtimeNative.MaxWidth}.");
        var config = new RealtimeNative.Config
        {
            Width = Limits.Count,
            Horizon = Horizon,
            Rate = Rate,
            TicksPerAction = TicksPerAction,
            HoldTicks = HoldTicks,
            RampTicks = RampTicks,
            Refuse = Refuse ? 1 : 0,
            AutoResume = AutoResume ? 1 : 0,
            HeartbeatNs = Heartbeat.Ticks * 100,
            ObservationNs = ObservationAge.Ticks * 100,
        };
        for (int i = 0; i < Limits.Count; i++)
        {
            var limit = Limits[i];
            config.Dimensions[i] = new() { Kind = (int)limit.Kind, Low = limit.Low, High = limit.High, Velocity = limit.Velocity, Acceleration = limit.Acceleration, Safe = limit.Safe };
        }

        return config;
    }

    internal static TickSettings FromNative(in RealtimeNative.Config config)
    {
        var limits = new ActionLimits[config.Width];
        for (int i = 0; i < limits.Length; i++)
        {
            var d = config.Dimensions[i];
            limits[i] = new ActionLimits((ActionKind)d.Kind, d.Low, d.High, d.Velocity, d.Acceleration, d.Safe);
        }

        return new TickSettings
        {
            Limits = limits,
            Horizon = config.Horizon,
            Rate = config.Rate,
            TicksPerAction = config.TicksPerAction,
            HoldTicks = config.HoldTicks,
            RampTicks = config.RampTicks,
            Refuse = config.Refuse != 0,
            AutoResume = config.AutoResume != 0,
            Heartbeat = TimeSpan.FromTicks(config.HeartbeatNs / 100),
            ObservationAge = TimeSpan.FromTicks(config.ObservationNs / 100),
        };
    }

    private static string Number(double value) => double.IsPositiveInfinity(value) ? "inf" : double.IsNegativeInfinity(value) ? "-inf"
        : double.IsNaN(value) ? "nan" : value.ToString("R", CultureInfo.InvariantCulture);
}
