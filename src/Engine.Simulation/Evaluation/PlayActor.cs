using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Evaluation;

/// <summary>
/// Play: what teaches a world model the consequences of wrong actions. An episode is one of three kinds, drawn from its seed:
/// 45 % the expert with a biased aim and noise of 0.1, 0.3 or 0.6 step limits, 25 % the same for another object,
/// 30 % a random walk. The gripper flips now and then, and every action turns the hand a little.
/// </summary>
public sealed class PlayActor : IActor
{
    private const float TurnNoise = 0.15f;
    private readonly Dictionary<int, Running> _running = [];

    private enum Kind
    {
        Expert,
        Other,
        Walk,
    }

    /// <inheritdoc/>
    public string Name => "play";

    /// <inheritdoc/>
    public void Begin(int environment, EpisodeSpec spec)
    {
        var random = new PhiloxRandom(EpisodeKey.Of(spec, PhiloxStream.PlayBehaviour, 0));
        float kind = random.NextFloat();
        var running = new Running(spec)
        {
            Kind = kind < 0.45f ? Kind.Expert : kind < 0.70f ? Kind.Other : Kind.Walk,
            Bias = [0.012f * random.NextNormal(), 0.012f * random.NextNormal(), 0.006f * random.NextNormal()],
            Noise = random.NextInt(3) switch { 0 => 0.1f, 1 => 0.3f, _ => 0.6f },
            Choice = random.NextFloat(),
            Open = true,
        };
        for (int k = 0; k < 3; k++) running.Walk[k] = 0.5f * random.NextNormal();
        _running[environment] = running;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The environment is not the embedded table-top, whose exact poses play needs.</exception>
    public void Act(IVectorEnvironment world, ReadOnlySpan<int> environments, ObservationFrames frames, Span<float> actions)
    {
        var table = Table(world);
        for (int i = 0; i < environments.Length; i++)
        {
            var running = _running[environments[i]];
            var now = table.Snapshot(environments[i]);
            var action = actions.Slice(7 * i, 7);
            var random = new PhiloxRandom(EpisodeKey.Of(running.Spec, PhiloxStream.PlayBehaviour, ++running.Steps));
            if (running.Kind == Kind.Walk) Walk(running, random, action);
            else Aim(running, now, random, action);
            for (int k = 3; k < 6; k++) action[k] += TurnNoise * random.NextNormal() * TabletopEmbodiment.StepRadians;
            Clip(action);
        }
    }

    internal static TabletopEnvironment Table(IVectorEnvironment world) => world as TabletopEnvironment
        ?? throw new ArgumentException($"Scripted actors need the exact poses of {nameof(TabletopEnvironment)}, not {world.GetType().Name}.");

    /// <summary>Cuts an action to the step limits, so that recorded actions are the ones carried out.</summary>
    internal static void Clip(Span<float> action)
    {
        for (int k = 0; k < 3; k++) action[k] = Math.Clamp(action[k], -TabletopEmbodiment.StepMetres, TabletopEmbodiment.StepMetres);
        for (int k = 3; k < 6; k++) action[k] = Math.Clamp(action[k], -TabletopEmbodiment.StepRadians, TabletopEmbodiment.StepRadians);
        action[6] = action[6] > 0.5f ? 1 : 0;
    }

    private static void Walk(Running running, PhiloxRandom random, Span<float> action)
    {
        for (int k = 0; k < 3; k++)
        {
            running.Walk[k] = 0.8f * running.Walk[k] + 0.45f * random.NextNormal() - (k == 2 ? 0.08f : 0);
            action[k] = running.Walk[k] * TabletopEmbodiment.StepMetres;
        }

        action[3..6].Clear();
        if (random.NextFloat() < 0.12f) running.Open = !running.Open;
        action[6] = running.Open ? 1 : 0;
    }

    private static void Aim(Running running, TabletopSnapshot now, PhiloxRandom random, Span<float> action)
    {
        int target = -1;
        if (running.Kind == Kind.Other)
        {
            int others = now.Layout.Objects.Length - 1, pick = (int)(running.Choice * others);
            target = pick >= now.Layout.Target ? pick + 1 : pick;
        }

        ScriptedExpert.Act(now, ref running.Memory, action, target, running.Bias[0], running.Bias[1], running.Bias[2]);
        for (int k = 0; k < 3; k++) action[k] += running.Noise * random.NextNormal() * TabletopEmbodiment.StepMetres;
        if (random.NextFloat() < 0.05f) action[6] = 1 - action[6];
    }

    private sealed class Running(EpisodeSpec spec)
    {
        public ExpertMemory Memory;

        public EpisodeSpec Spec { get; } = spec;

        public uint Steps { get; set; }

        public Kind Kind { get; init; }

        public float[] Bias { get; init; } = [];

        public float Noise { get; init; }

        public float Choice { get; init; }

        public float[] Walk { get; } = new float[3];

        public bool Open { get; set; }
    }
}
