using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>One session's request to the policy; reused from request to request.</summary>
public sealed class InferenceRequest
{
    public InferenceRequest(PolicyContract contract, ObservationBatch observation)
    {
        Observation = observation;
        Actions = new float[contract.ActionHorizon * contract.ActionNames.Length];
        Uniforms = new float[Actions.Length];
    }

    /// <summary>A batch of one.</summary>
    public ObservationBatch Observation { get; }

    /// <summary>Receives the chunk [H, A].</summary>
    public float[] Actions { get; }

    /// <summary>Sampling temperature.</summary>
    public float Temperature { get; set; }

    /// <summary>Numbers in (0, 1), [H·A], read when the temperature is not 0.</summary>
    public float[] Uniforms { get; }

    /// <summary>Time that the policy took for the batch with this request in it.</summary>
    public TimeSpan PolicyTime { get; internal set; }

    /// <summary>When it is of no use any more to ask the policy (ns, the monotonic clock); 0 for never.</summary>
    public ulong Deadline { get; set; }

    internal TaskCompletionSource? Completion { get; set; }

    /// <summary>Its turn among those that wait; 0 where it does not, unless it was withdrawn and keeps its turn.</summary>
    internal long Place { get; set; }

    /// <summary>
    /// Called when a request that had to wait has ended, on the thread that ended it: for sessions that wait for more than the answer. The next request may have
    /// begun by then.
    /// </summary>
    internal Action? Ended { get; set; }

    /// <summary>Ends a request that waited.</summary>
    internal void End(Exception? error = null)
    {
        if (error is null) Completion!.SetResult();
        else Completion!.SetException(error);
        Ended?.Invoke();
    }
}
