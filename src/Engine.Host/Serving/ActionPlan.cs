using Engine.Runtime.Contract;
using Engine.Simulation.Evaluation.Adapters;

namespace Engine.Host.Serving;

/// <summary>
/// What becomes of a policy's chunks in one session, and what of them is sent: ensembling over time, chunk execution, sticky gripper, limits, in this
/// order. Holds an episode's state; not thread-safe. A session whose options ask for none of these has no plan and sends chunks as they come.
/// </summary>
internal sealed class ActionPlan
{
    private readonly int _width;
    private readonly int _replan;
    private readonly bool _stepwise;
    private readonly TemporalEnsemble _chunks;
    private readonly ActionBounds? _bounds;
    private readonly StickyGripper? _gripper;
    private readonly StickyGripper? _preview;
    private readonly double[] _chunk;
    private readonly double[] _rows;
    private string _instruction = "";
    private int _left;

    private ActionPlan(PolicyContract contract, ServeOptions options, ServingMetrics metrics)
    {
        var served = Served(contract, options);
        _width = contract.ActionNames.Length;
        _replan = options.ReplanEvery ?? contract.ReplanEvery;
        _stepwise = options.ExecuteChunks;
        _chunks = new TemporalEnsemble(options.Ensemble?.Chunks ?? 1, contract.ActionHorizon, _width, options.Ensemble?.Temperature ?? 0, _replan);
        _bounds = options.Limits == LimitMode.None ? null : new ActionBounds(contract, options.Limits, metrics);
        if (options.StickyGripper > 0) (_gripper, _preview) = (new StickyGripper(options.StickyGripper), new StickyGripper(options.StickyGripper));
        _chunk = new double[contract.ActionHorizon * _width];
        _rows = new double[served.ActionHorizon * _width];
        Actions = new float[_rows.Length];
    }

    /// <summary>The actions to send, [H, A] or, where the server carries chunks out, [1, A].</summary>
    internal float[] Actions { get; }

    /// <summary>A session's plan; null where the options ask for nothing.</summary>
    internal static ActionPlan? Create(PolicyContract contract, ServeOptions options, ServingMetrics metrics) =>
        options is { Ensemble: null, ExecuteChunks: false, Limits: LimitMode.None, StickyGripper: 0 } ? null : new ActionPlan(contract, options, metrics);

    /// <summary>The contract as clients see it.</summary>
    internal static PolicyContract Served(PolicyContract contract, ServeOptions options)
    {
        if (options.ExecuteChunks) return contract with { ActionHorizon = 1, ReplanEvery = 1 };
        return options.ReplanEvery is { } replan ? contract with { ReplanEvery = replan } : contract;
    }

    /// <summary>Refuses options that do not fit a contract.</summary>
    /// <exception cref="ArgumentException">The message says which, and what is expected.</exception>
    internal static void Check(PolicyContract contract, ServeOptions options)
    {
        int horizon = contract.ActionHorizon, replan = options.ReplanEvery ?? contract.ReplanEvery;
        if (replan < 1 || replan > horizon)
            throw new ArgumentOutOfRangeException(nameof(options), replan, $"replan_every must be 1 to the horizon of '{contract.Name}', {horizon}");
        if (options.Ensemble is { } ensemble && (ensemble.Chunks < 2 || (ensemble.Chunks - 1L) * replan >= horizon || !double.IsFinite(ensemble.Temperature)))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), ensemble.Chunks, $"ensemble must be 2 to {1 + (horizon - 1) / replan} here (horizon {horizon}, replan_every {replan}): an older chunk says nothing about now; and its temperature a finite number");
        }

        if (options.Limits != LimitMode.None && contract.ActionNames.Length != ActionBounds.Width)
            throw new ArgumentException($"limits: '{contract.Name}' has actions of {contract.ActionNames.Length} numbers; limits are known for six displacements with a gripper.", nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.StickyGripper, nameof(options.StickyGripper));
    }

    /// <summary>Whether the policy must be asked for this control step; otherwise <see cref="Continue"/> has the action.</summary>
    internal bool AsksPolicy(string instruction) => !_stepwise || _left == 0 || instruction != _instruction;

    /// <summary>Takes the chunk that the policy gave for an observation.</summary>
    /// <exception cref="ObservationException">An action is beyond a limit, and such chunks are refused: all that were kept are dropped.</exception>
    internal void Take(InferenceRequest request)
    {
        string instruction = request.Observation.Instructions[0];
        if (instruction != _instruction) Reset();
        _instruction = instruction;
        for (int i = 0; i < _chunk.Length; i++) _chunk[i] = request.Actions[i];
        _chunks.Add(_chunk);
        _left = _replan;
        Send(request.Observation.States);
    }

    /// <summary>The next action of the chunks that are there.</summary>
    internal void Continue(InferenceRequest request) => Send(request.Observation.States);

    /// <summary>Begins an episode.</summary>
    internal void Reset()
    {
        _chunks.Reset();
        _gripper?.Reset();
        _left = 0;
    }

    private void Send(ReadOnlySpan<float> state)
    {
        int steps = _stepwise ? 1 : _replan;
        _chunks.Read(_rows);
        _chunks.Advance(steps);
        _left -= steps;
        for (int i = 0; i < _rows.Length; i++) Actions[i] = (float)_rows[i];
        if (_gripper is not null) Grip(steps);
        try
        {
            _bounds?.Apply(Actions, state);
        }
        catch (ObservationException)
        {
            _chunks.Reset();
            _left = 0;
            throw;
        }
    }

    /// <summary>The gripper lives through the actions that are carried out; the others are shown what it would do.</summary>
    private void Grip(int steps)
    {
        for (int at = _width - 1, row = 0; at < Actions.Length; at += _width, row++)
        {
            if (row == steps) _preview!.CopyFrom(_gripper!);
            Actions[at] = (float)(row < steps ? _gripper! : _preview!).Step(_rows[at]);
        }
    }
}
