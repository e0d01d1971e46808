using System.Diagnostics;
using System.Numerics;
using Engine.Client;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>
/// Puts the requests of all sessions to one policy. Requests to a quick policy run one after another, each on its own thread; those that
/// arrive while a slow one computes wait and run as one batch (of equal temperature), but for those whose deadline has passed. The queue is bounded by the number of sessions,
/// which have one request each; a newer observation takes the place of one that waits.
/// </summary>
public sealed class InferenceQueue
{
    /// <summary>A policy that took longer the last time is asked on a thread of its own, which gives way to others.</summary>
    private static readonly TimeSpan s_long = TimeSpan.FromMilliseconds(1);

    private readonly Lock _gate = new(), _quick = new();
    private readonly List<InferenceRequest> _waiting = [];
    private readonly int _maxBatch;
    private readonly ServingMetrics _metrics;
    private readonly MergedBatch?[] _merged;
    private IPolicy _policy;
    private IPolicy? _next;
    private TaskCompletionSource<IPolicy>? _swap;
    private readonly PolicyThread _thread;
    private long _places;
    private bool _busy;
    private volatile bool _slow;

    public InferenceQueue(IPolicy policy, int maxBatch, ServingMetrics metrics)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatch, 1);
        _policy = policy;
        _maxBatch = maxBatch;
        _metrics = metrics;
        Contract = policy.Contract;
        _merged = new MergedBatch?[maxBatch + 1];
        _thread = new PolicyThread(Drain);
    }

    /// <summary>What every policy here takes and gives.</summary>
    public PolicyContract Contract { get; }

    internal ServingMetrics Metrics => _metrics;

    /// <summary>Runs one request; its actions are filled in when the task ends.</summary>
    /// <exception cref="ObservationException">The policy gave what is no number.</exception>
    /// <exception cref="DeadlineException">The deadline passed while it waited.</exception>
    /// <exception cref="ReplacedException">It was withdrawn while it waited.</exception>
    public Task RunAsync(InferenceRequest request)
    {
        if (TryRunHere(request, out var failure)) return failure is null ? Task.CompletedTask : Task.FromException(failure);
        lock (_gate)
        {
            request.Completion = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Enqueue(request);
            if (!_busy) _thread.Wake();
            _busy = true;
            return request.Completion.Task;
        }
    }

    /// <summary>Asks a quick policy on the thread that calls, which waits its turn as long as a quick policy may take.</summary>
    private bool TryRunHere(InferenceRequest request, out Exception? failure)
    {
        failure = null;
        if (_slow || !_quick.TryEnter(s_long)) return false;
        try
        {
            lock (_gate)
            {
                if (_busy || _slow) return false;
                _busy = true;
                request.Place = 0;
            }

            try
            {
                Run(request);
            }
            catch (Exception error)
            {
                failure = error;
            }

            Release(inline: true);
            return true;
        }
        finally
        {
            _quick.Exit();
        }
    }

    /// <summary>
    /// Takes back a request that has not begun, for a newer observation: its task ends with a <see cref="ReplacedException"/>, and the same request may run
    /// again at once, in the place that it had in the queue, so that a client that sends often is not put off for ever. False where the policy has been
    /// asked, or nothing waits.
    /// </summary>
    public bool TryWithdraw(InferenceRequest request)
    {
        lock (_gate)
        {
            if (!_waiting.Remove(request)) return false;
        }

        _metrics.Wait(-1);
        _metrics.ReplacedByNewer();
        request.End(new ReplacedException());
        return true;
    }

    /// <summary>Takes a new policy between two requests; the task gives the old one, which is no longer in use.</summary>
    /// <exception cref="InvalidOperationException">Another swap is in progress.</exception>
    public Task<IPolicy> SwapAsync(IPolicy next)
    {
        lock (_gate)
        {
            if (_swap is not null) throw new InvalidOperationException("another policy is being switched in; wait for it.");
            if (!_busy)
            {
                var old = _policy;
                _policy = next;
                return Task.FromResult(old);
            }

            _next = next;
            _swap = new TaskCompletionSource<IPolicy>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _swap.Task;
        }
    }

    /// <summary>Runs on the policy's behalf when a request has ended: switch policies, then the next batch on the policy's thread, or idle.</summary>
    private bool Release(bool inline)
    {
        lock (_gate)
        {
            if (_swap is not null)
            {
                _swap.SetResult(_policy);
                (_policy, _next, _swap) = (_next!, null, null);
            }

            if (_waiting.Count == 0)
            {
                _busy = false;
                return false;
            }
        }

        if (inline) _thread.Wake();
        return true;
    }

    private void Enqueue(InferenceRequest request)
    {
        if (request.Place == 0) request.Place = ++_places;
        int at = _waiting.Count;
        while (at > 0 && _waiting[at - 1].Place > request.Place) at--;
        _waiting.Insert(at, request);
        _metrics.Wait(1);
    }

    private void Drain()
    {
        var batch = new List<InferenceRequest>(_maxBatch);
        var refused = new List<InferenceRequest>();
        do
        {
            batch.Clear();
            refused.Clear();
            lock (_gate)
            {
                ulong now = MonotonicClock.Nanoseconds;
                int taken = 0;
                for (; batch.Count < _maxBatch && taken < _waiting.Count; taken++)
                {
                    var request = _waiting[taken];
                    bool late = request.Deadline != 0 && request.Deadline <= now;
                    if (!late && batch.Count > 0 && request.Temperature != batch[0].Temperature) break;
                    request.Place = 0;
                    (late ? refused : batch).Add(request);
                }

                _waiting.RemoveRange(0, taken);
                _metrics.Wait(-taken);
            }

            foreach (var request in refused) request.End(new DeadlineException());
            if (batch.Count < 2 || !TryMerged(batch))
            {
                foreach (var request in batch) RunQueued(request);
            }
        }
        while (Release(inline: false));
    }

    private void RunQueued(InferenceRequest request)
    {
        try
        {
            Run(request);
            request.End();
        }
        catch (Exception error)
        {
            request.End(error);
        }
    }

    private void Run(InferenceRequest request)
    {
        long started = Stopwatch.GetTimestamp();
        _policy.Act(request.Observation, request.Actions, request.Temperature, request.Temperature > 0 ? request.Uniforms : default);
        request.PolicyTime = Stopwatch.GetElapsedTime(started);
        _slow = request.PolicyTime > s_long;
        _metrics.Inference(request.PolicyTime);
        CheckFinite(request.Actions);
    }

    /// <summary>Runs a batch as one; false where the policy refuses it, so that each is tried alone and only the faulty one fails.</summary>
    private bool TryMerged(List<InferenceRequest> batch)
    {
        var merged = _merged[batch.Count] ??= new MergedBatch(_policy.Contract, batch.Count);
        for (int i = 0; i < batch.Count; i++) merged.Take(batch[i], i);
        long started = Stopwatch.GetTimestamp();
        try
        {
            float temperature = batch[0].Temperature;
            _policy.Act(merged.Observations, merged.Actions, temperature, temperature > 0 ? merged.Uniforms : default);
        }
        catch (Exception)
        {
            return false;
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        _slow = elapsed > s_long;
        _metrics.Inference(elapsed);
        for (int i = 0; i < batch.Count; i++)
        {
            int length = batch[i].Actions.Length;
            merged.Actions.AsSpan(i * length, length).CopyTo(batch[i].Actions);
            batch[i].PolicyTime = elapsed;
            try
            {
                CheckFinite(batch[i].Actions);
                batch[i].End();
            }
            catch (ObservationException error)
            {
                batch[i].End(error);
            }
        }

        return true;
    }

    private void CheckFinite(ReadOnlySpan<float> actions)
    {
        // A number less itself is zero, unless it is none or infinite.
        int whole = actions.Length - actions.Length % Vector<float>.Count;
        var sum = Vector<float>.Zero;
        for (int i = 0; i < whole; i += Vector<float>.Count)
        {
            var some = new Vector<float>(actions[i..]);
            sum += some - some;
        }

        if (sum == Vector<float>.Zero) actions = actions[whole..];
        foreach (float action in actions)
        {
            if (!float.IsFinite(action))
            {
                _metrics.NotFinite();
                throw new ObservationException($"the policy gave {action} as an action; nothing was sent to the robot");
            }
        }
    }
}
