using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Evaluation;

/// <summary>
/// Acts by a policy: asks it for a chunk of actions, carries out as many as its contract says, asks again. Sampling draws are keyed
/// by episode and step, so an episode is the same whatever runs beside it.
/// </summary>
public sealed class PolicyActor : IActor
{
    private readonly IPolicy _policy;
    private readonly float _temperature;
    private readonly Dictionary<int, Running> _running = [];
    private IVectorEnvironment? _checked;

    /// <summary>Wraps a policy, which stays the caller's to dispose.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="temperature">Sampling temperature; 0 takes the most probable actions.</param>
    /// <param name="name">What recorded episodes say of who acted.</param>
    /// <exception cref="ArgumentException">The contract's chunk cannot be carried out.</exception>
    public PolicyActor(IPolicy policy, float temperature = 0f, string name = "policy")
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentOutOfRangeException.ThrowIfNegative(temperature);
        var contract = policy.Contract;
        if (contract.ReplanEvery < 1 || contract.ReplanEvery > contract.ActionHorizon)
        {
            throw new ArgumentException(
                $"The policy '{contract.Name}' gives {contract.ActionHorizon} actions and wants to be asked every {contract.ReplanEvery}: expected 1 to {contract.ActionHorizon}.",
                nameof(policy));
        }

        _policy = policy;
        _temperature = temperature;
        Name = name;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public void Begin(int environment, EpisodeSpec spec) => _running[environment] = new Running(spec, new float[_policy.Contract.ReplanEvery * 7]);

    /// <inheritdoc/>
    public void Act(IVectorEnvironment world, ReadOnlySpan<int> environments, ObservationFrames frames, Span<float> actions)
    {
        Check(world);
        Plan(world, environments, frames);
        for (int i = 0; i < environments.Length; i++)
        {
            var running = _running[environments[i]];
            int at = running.Steps % _policy.Contract.ReplanEvery;
            running.Chunk.AsSpan(7 * at, 7).CopyTo(actions.Slice(7 * i, 7));
            running.Steps++;
        }
    }

    private void Plan(IVectorEnvironment world, ReadOnlySpan<int> environments, ObservationFrames frames)
    {
        var contract = _policy.Contract;
        var asked = new List<int>();
        foreach (int environment in environments)
        {
            if (_running[environment].Steps % contract.ReplanEvery == 0) asked.Add(environment);
        }

        if (asked.Count == 0) return;
        int[] batch = [.. asked];
        int horizon = contract.ActionHorizon;
        float[] chunks = new float[batch.Length * horizon * 7];
        float[] uniforms = _temperature > 0 ? new float[batch.Length * horizon * 7] : [];
        if (_temperature > 0)
        {
            for (int i = 0; i < batch.Length; i++)
            {
                var running = _running[batch[i]];
                Philox.FillUniform(uniforms.AsSpan(i * horizon * 7, horizon * 7), EpisodeKey.Of(running.Spec, PhiloxStream.ActionSampling, (uint)running.Steps));
            }
        }

        _policy.Act(Observe(world, batch, frames), chunks, _temperature, uniforms);
        for (int i = 0; i < batch.Length; i++)
        {
            var chunk = _running[batch[i]].Chunk;
            chunks.AsSpan(i * horizon * 7, chunk.Length).CopyTo(chunk);
        }
    }

    private ObservationBatch Observe(IVectorEnvironment world, int[] batch, ObservationFrames frames)
    {
        var contract = _policy.Contract;
        var images = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var camera in contract.Cameras)
        {
            frames.Draw(batch, camera.Name);
            byte[] pixels = new byte[batch.Length * camera.Bytes];
            for (int i = 0; i < batch.Length; i++) frames.Image(batch[i], camera.Name).CopyTo(pixels.AsSpan(i * camera.Bytes));
            images[camera.Name] = pixels;
        }

        float[] states = new float[batch.Length * 8];
        for (int i = 0; i < batch.Length; i++) world.State(batch[i], states.AsSpan(8 * i, 8));
        return new ObservationBatch
        {
            Count = batch.Length,
            Instructions = [.. batch.Select(world.Instruction)],
            Images = images,
            States = states,
            Environments = batch,
            Begins = Array.ConvertAll(batch, environment => _running[environment].Steps == 0),
        };
    }

    private void Check(IVectorEnvironment world)
    {
        if (ReferenceEquals(_checked, world)) return;
        var contract = _policy.Contract;
        foreach (var camera in contract.Cameras)
        {
            if (world.Info.Cameras.Contains(camera)) continue;
            throw new ArgumentException(
                $"The policy '{contract.Name}' wants camera {camera.Name} at {camera.Height} × {camera.Width}; the environment has "
                + $"{string.Join(", ", world.Info.Cameras.Select(have => $"{have.Name} at {have.Height} × {have.Width}"))}.");
        }

        if (contract.StateNames.Length != 8 || contract.ActionNames.Length != 7)
        {
            throw new ArgumentException(
                $"The policy '{contract.Name}' has {contract.StateNames.Length} state and {contract.ActionNames.Length} action numbers; the environment has 8 and 7.");
        }

        _checked = world;
    }

    private sealed class Running(EpisodeSpec spec, float[] chunk)
    {
        public EpisodeSpec Spec { get; } = spec;

        public float[] Chunk { get; } = chunk;

        public int Steps { get; set; }
    }
}
