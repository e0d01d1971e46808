using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.Recording;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>
/// What one client's requests go through: read and check the observation, sample if asked, infer. One request at a time; not thread-safe.
/// Besides the observation a client may send <c>temperature</c> (a number ≥ 0) and <c>uniforms</c> ([H·A] numbers in (0, 1)) to sample with.
/// </summary>
public sealed class PolicySession
{
    private readonly PolicyContract _contract;
    private readonly ServeOptions _options;
    private readonly InferenceQueue _queue;
    private readonly ObservationReader _reader;
    private readonly uint _number;
    private readonly SessionRecording? _recording;
    private readonly LiveTrace? _trace;
    private readonly ActionPlan? _plan;
    private uint _episode;
    private uint _step;
    private bool _asks;

    public PolicySession(PolicyContract contract, ServeOptions options, InferenceQueue queue, long number, bool inPlace = false)
    {
        _contract = contract;
        _options = options;
        _queue = queue;
        _number = (uint)number;
        _reader = new ObservationReader(contract, options, inPlace);
        Request = new InferenceRequest(queue.Contract, _reader.Batch);
        _plan = ActionPlan.Create(queue.Contract, options, queue.Metrics);
        _recording = options.Recorder?.Open();
        _trace = options.Live?.Open(number, Request.Observation, Actions);
    }

    /// <summary>The session's request, with the policy's actions of the last inference.</summary>
    public InferenceRequest Request { get; }

    /// <summary>What to reply: the actions [H, A] of the served contract, ensembled and limited as the options say.</summary>
    public float[] Actions => _plan?.Actions ?? Request.Actions;

    /// <summary>Begins a new episode: what the session remembers is forgotten. A client may say whether the last one succeeded.</summary>
    public void Reset(bool? success = null)
    {
        _recording?.End(success);
        _plan?.Reset();
        _episode++;
        _step = 0;
    }

    /// <summary>Infers the <see cref="Actions"/> for an observation.</summary>
    /// <exception cref="ObservationException">The observation does not fit the contract, or the actions are not finite, or beyond the limits where these refuse.</exception>
    public async Task InferAsync(MsgPackMap observation)
    {
        await BeginAsync(observation).ConfigureAwait(false);
        End();
    }

    /// <summary>Asks for the actions of an observation. When the task has ended well, <see cref="End"/> makes the <see cref="Actions"/> of what the policy gave.</summary>
    /// <exception cref="ObservationException">The observation does not fit the contract, or (in the task) the actions are not finite.</exception>
    internal Task BeginAsync(MsgPackMap observation)
    {
        _reader.Read(observation);
        Request.Temperature = Temperature(observation);
        if (Request.Temperature > 0) Uniforms(observation);
        return Begin();
    }

    /// <summary>
    /// Takes back a request that waits, for a newer observation; its task ends with a <see cref="ReplacedException"/>, the next may follow at once and has its place.
    /// False where the policy has been asked already.
    /// </summary>
    public bool TryWithdraw()
    {
        if (!_queue.TryWithdraw(Request)) return false;
        _step--;
        return true;
    }

    /// <summary>Ends what is recorded and shown of the session; nothing comes after.</summary>
    public void Close()
    {
        _recording?.End(null);
        _options.Live?.Close(_number);
    }

    /// <summary>
    /// Asks for the actions of the observation that stands in <see cref="Request"/> already; at the server's temperature where none is given. When the task has
    /// ended well, <see cref="End"/> makes the <see cref="Actions"/> of what the policy gave.
    /// </summary>
    /// <exception cref="ObservationException">A number of the state or the temperature is none, or (in the task) the actions are not finite.</exception>
    /// <exception cref="DeadlineException">In the task: the deadline (ns, the monotonic clock; 0 for none) passed while others were served.</exception>
    internal Task BeginFilled(float? temperature, ulong deadline = 0)
    {
        Request.Deadline = deadline;
        float[] state = Request.Observation.States;
        for (int i = 0; i < state.Length; i++)
        {
            if (!float.IsFinite(state[i])) throw new ObservationException($"number {i} of the state ({_contract.StateNames[i]}) is {state[i]}");
        }

        if (temperature is not (null or (>= 0 and <= 1000))) throw new ObservationException("the temperature must be 0 (greedy) to 1000");
        Request.Temperature = temperature ?? _options.Temperature;
        if (Request.Temperature > 0) Draw();
        return Begin();
    }

    /// <summary>Makes the <see cref="Actions"/>, records and shows them.</summary>
    /// <exception cref="ObservationException">The actions are beyond the limits, and these refuse.</exception>
    internal void End()
    {
        if (_asks) _plan?.Take(Request);
        else _plan!.Continue(Request);
        Answered();
    }

    private Task Begin()
    {
        _step++;
        _asks = _plan is null || _plan.AsksPolicy(Request.Observation.Instructions[0]);
        if (_asks) return _queue.RunAsync(Request);
        Request.PolicyTime = TimeSpan.Zero;
        return Task.CompletedTask;
    }

    private void Answered()
    {
        _trace?.Answered();
        _recording?.Add(Request, Actions);
    }

    private float Temperature(MsgPackMap observation)
    {
        if (!observation.ContainsKey("temperature")) return _options.Temperature;
        return observation.Number("temperature") is { } temperature and >= 0 and <= 1000
            ? (float)temperature
            : throw new ObservationException("'temperature' must be a number of 0 (greedy) to 1000");
    }

    private void Uniforms(MsgPackMap observation)
    {
        if (!observation.ContainsKey("uniforms"))
        {
            Draw();
            return;
        }

        if (!observation.TryGet("uniforms", out NumpyArray? numbers) || !numbers.Dtype.IsNumeric || numbers.Count != Request.Uniforms.Length)
        {
            throw new ObservationException(
                $"'uniforms' must be an array of {_contract.ActionHorizon}·{_contract.ActionNames.Length} numbers, one for each action number");
        }

        numbers.CopyTo(Request.Uniforms);
        foreach (float number in Request.Uniforms)
        {
            if (!(number is > 0 and < 1)) throw new ObservationException($"'uniforms' holds {number}; expected numbers strictly between 0 and 1");
        }
    }

    private void Draw() =>
        Philox.FillUniform(Request.Uniforms, new PhiloxKey(_options.Seed, PhiloxStream.ActionSampling, _number, _episode, _step));
}
