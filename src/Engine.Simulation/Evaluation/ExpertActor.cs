using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Evaluation;

/// <summary>The scripted expert with noise on its displacements, for demonstrations that show how to recover.</summary>
/// <param name="noise">Standard deviation of the noise on Δx, Δy, Δz, in step limits; 0 is the pure expert.</param>
public sealed class ExpertActor(double noise = 0.12) : IActor
{
    private readonly Dictionary<int, Running> _running = [];

    /// <inheritdoc/>
    public string Name => "expert";

    /// <inheritdoc/>
    public void Begin(int environment, EpisodeSpec spec) => _running[environment] = new Running(spec);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The environment is not the embedded table-top, whose exact poses the expert needs.</exception>
    public void Act(IVectorEnvironment world, ReadOnlySpan<int> environments, ObservationFrames frames, Span<float> actions)
    {
        var table = PlayActor.Table(world);
        for (int i = 0; i < environments.Length; i++)
        {
            var running = _running[environments[i]];
            var action = actions.Slice(7 * i, 7);
            ScriptedExpert.Act(table.Snapshot(environments[i]), ref running.Memory, action);
            if (noise > 0)
            {
                var random = new PhiloxRandom(EpisodeKey.Of(running.Spec, PhiloxStream.ExpertNoise, running.Steps));
                for (int k = 0; k < 3; k++) action[k] += (float)(noise * random.NextNormal() * TabletopEmbodiment.StepMetres);
            }

            PlayActor.Clip(action);
            running.Steps++;
        }
    }

    private sealed class Running(EpisodeSpec spec)
    {
        public ExpertMemory Memory;

        public EpisodeSpec Spec { get; } = spec;

        public uint Steps { get; set; }
    }
}
