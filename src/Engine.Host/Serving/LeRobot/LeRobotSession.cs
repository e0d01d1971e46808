using System.Diagnostics;
using System.Threading.Channels;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.LeRobot;

/// <summary>
/// One client, which is one HTTP/2 connection: its instructions, the newest observation that no actions were given for, and its policy session.
/// </summary>
internal sealed class LeRobotSession(PolicyContract contract, PolicySession session, ServingMetrics metrics)
{
    private const int RememberedTimesteps = 4096;

    /// <summary>How long <see cref="ActAsync"/> waits for an observation; upstream's <c>obs_queue_timeout</c>.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly Channel<LeRobotObservation> _newest = Channel.CreateBounded<LeRobotObservation>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest }, _ => metrics.ReplacedByNewer());
    private readonly SemaphoreSlim _acting = new(1, 1);
    private readonly Queue<long> _answered = new();
    private volatile LeRobotInstructions? _instructions;

    /// <summary>One observation, or one set of instructions, is received at a time, so that a client cannot have many large ones held for it.</summary>
    internal SemaphoreSlim Receiving { get; } = new(1, 1);

    /// <summary>Begins a new episode: what the session remembers of the last one is forgotten.</summary>
    internal async Task ReadyAsync(CancellationToken cancellationToken)
    {
        await _acting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            session.Reset();
            _newest.Reader.TryRead(out _);
            lock (_answered) _answered.Clear();
        }
        finally
        {
            _acting.Release();
        }
    }

    /// <summary>Ends what is recorded of the session, once no call is in progress.</summary>
    internal void Close() => session.Close();

    /// <summary>Takes a client's instructions.</summary>
    /// <exception cref="GrpcException">They are malformed, or name another policy than the served one.</exception>
    internal void Instruct(ReadOnlyMemory<byte> pickle)
    {
        var instructions = LeRobotInstructions.Read(pickle);
        if (instructions.Policy != contract.Name)
        {
            throw new GrpcException(
                GrpcStatus.NotFound, $"this server has the policy '{contract.Name}' and loads no other: say --pretrained_name_or_path={contract.Name}");
        }

        _instructions = instructions;
    }

    /// <summary>
    /// Takes an observation in place of one that waits. One of a timestep that actions were given for is passed over, as upstream does, unless
    /// the robot has run out of actions.
    /// </summary>
    /// <exception cref="GrpcException">It is malformed, or there are no instructions yet.</exception>
    internal void Offer(ReadOnlyMemory<byte> pickle)
    {
        var instructions = _instructions ?? throw new GrpcException(
            GrpcStatus.FailedPrecondition, "call SendPolicyInstructions first (a new connection begins without instructions)");
        var observation = LeRobotObservation.Read(pickle, instructions);
        lock (_answered)
        {
            if (!observation.MustGo && _answered.Contains(observation.Timestep)) return;
        }

        _newest.Writer.TryWrite(observation);
    }

    /// <summary>Actions for the newest observation, pickled; null where none came in time.</summary>
    /// <exception cref="ObservationException">The observation does not fit the contract, or the actions are not finite.</exception>
    internal async Task<byte[]?> ActAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
        LeRobotObservation observation;
        try
        {
            await _acting.WaitAsync(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        try
        {
            observation = await _newest.Reader.ReadAsync(patience.Token).ConfigureAwait(false);
            await session.InferAsync(observation.Map).ConfigureAwait(false);
            lock (_answered)
            {
                _answered.Enqueue(observation.Timestep);
                if (_answered.Count > RememberedTimesteps) _answered.Dequeue();
            }

            int count = (int)Math.Min(_instructions!.Actions, contract.ActionHorizon);
            byte[] pickle = LeRobotActions.ToPickle(
                observation.Module, observation.Timestamp, observation.Timestep, 1 / contract.Embodiment.ControlHz, session.Actions, contract.ActionNames.Length, count);
            metrics.Request(Stopwatch.GetElapsedTime(observation.Received));
            return pickle;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            _acting.Release();
        }
    }
}
