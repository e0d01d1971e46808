using System.Net;
using Engine.Host.Serving.Groot;
using Engine.Host.Serving.LeRobot;
using Engine.Host.Serving.OpenPi;
using Engine.Host.Serving.Pipes;
using Engine.Host.Serving.Recording;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>
/// One policy behind openpi's WebSocket protocol (any path), OpenVLA's <c>POST /act</c>, <c>GET /healthz</c>, <c>/readyz</c> and <c>/metrics</c>,
/// and, where the options ask for them, behind local pipes (<c>Engine.Client.PipeClient</c> and its kin), LeRobot's gRPC service and
/// GR00T's ZeroMQ protocol.
/// The policy stays the caller's: dispose it after the server.
/// </summary>
public sealed class PolicyServer : IAsyncDisposable
{
    private readonly ServeOptions _options;
    private readonly PolicyContract _contract;
    private readonly PolicyContract _served;
    private readonly InferenceQueue _queue;
    private readonly AccessToken _token;
    private readonly SessionSlots _slots;
    private readonly LeRobotService _leRobot;
    private readonly WebSocketPaths _webSockets;
    private readonly HttpEndpoints _http;
    private readonly ServingMeter _meter;
    private readonly TaskCompletionSource _killed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _switching = new(1, 1);
    private KestrelServer? _kestrel;
    private PipeServer? _pipes;
    private GrootServer? _groot;
    private IPolicy? _opened;

    private PolicyServer(IPolicy policy, ServeOptions options)
    {
        _contract = policy.Contract;
        _served = ActionPlan.Served(_contract, options);
        if (options.Recording is { } recording)
        {
            var folder = RecordingFolder.Create(recording.Directory, new RecordingFolder.About(_served, recording.Policy, recording.PolicySha256, options.Temperature, options.Seed));
            if (folder.Recovered > 0) options.Log?.Invoke($"{folder.Recovered} episodes that a server left unfinished in {folder.Directory} are whole again");
            options = options with { Recorder = new EpisodeRecorder(folder, options.Log) };
        }

        var live = new LiveSessions(_served);
        _options = options = options with { Live = live };
        _slots = new SessionSlots(options.MaxSessions);
        _queue = new InferenceQueue(policy, options.MaxBatch, Metrics);
        _token = new AccessToken(options.Token);
        _leRobot = new LeRobotService(_served, options, _queue, Metrics, _slots, _token);
        _webSockets = new WebSocketPaths(new WebSocketSessions(_served, options, _queue, Metrics, _slots, SwitchAsync), options.Beside.ToDictionary(other => other.Key, other => Beside(other.Value)));
        _http = new HttpEndpoints(_served, options, _queue, Metrics, _token, live, _webSockets);
        _meter = new ServingMeter(Metrics, _contract.Name);
    }

    /// <summary>The port that is listened on.</summary>
    public int Port => _kestrel?.Port ?? 0;

    /// <summary>The port of the TCP pipe, 0 where there is none.</summary>
    public int PipePort => _pipes?.Port ?? 0;

    /// <summary>The port of gRPC, 0 where there is none.</summary>
    public int GrpcPort => _kestrel?.GrpcPort ?? 0;

    /// <summary>The port of ZeroMQ, 0 where there is none.</summary>
    public int ZmqPort => _groot?.Port ?? 0;

    /// <summary>Ends when a client that may do so has asked for the server's end; the caller disposes it then.</summary>
    public Task Killed => _killed.Task;

    /// <summary>Where WebSocket clients connect, e.g. <c>ws://127.0.0.1:8000/</c>.</summary>
    public Uri Uri => new($"{(_options.Certificate is null ? "ws" : "wss")}://{Host(_options.Address)}:{Port}/");

    /// <summary>Counts and times so far.</summary>
    public ServingMetrics Metrics { get; } = new();

    /// <summary>Tries the policy once on an empty observation, then listens.</summary>
    /// <exception cref="ArgumentException">The options do not allow it: an address beyond this machine without a token.</exception>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<PolicyServer> StartAsync(IPolicy policy, ServeOptions options, CancellationToken cancellationToken = default)
    {
        ServeOptions.Check(options);
        ActionPlan.Check(policy.Contract, options);
        Warm(policy);
        foreach (var other in options.Beside.Values)
        {
            ActionPlan.Check(other.Contract, options);
            Warm(other);
        }

        var server = new PolicyServer(policy, options);
        try
        {
            await server.ListenAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return server;
    }

    /// <summary>
    /// Serves a policy in its place from the next request on; requests in progress end with the old one, no request is dropped.
    /// The task gives the old policy, which is no longer in use.
    /// </summary>
    /// <exception cref="ArgumentException">The new policy takes or gives something else than the old one.</exception>
    public Task<IPolicy> SwapAsync(IPolicy next)
    {
        var to = next.Contract;
        if (!to.Cameras.SequenceEqual(_contract.Cameras) || !to.StateNames.SequenceEqual(_contract.StateNames)
            || !to.ActionNames.SequenceEqual(_contract.ActionNames) || to.ActionHorizon != _contract.ActionHorizon)
        {
            throw new ArgumentException($"'{to.Name}' does not have the cameras, state, actions and horizon of '{_contract.Name}': start a server of its own for it.", nameof(next));
        }

        Warm(next);
        return _queue.SwapAsync(next);
    }

    /// <summary>Switches to a policy of the catalogue, beside requests in progress; where it cannot be loaded, the old one stays.</summary>
    /// <exception cref="ObservationException">The catalogue has no such name, or the policy does not load or fit.</exception>
    internal async Task SwitchAsync(string name)
    {
        if (!_options.Catalogue.TryGetValue(name, out var open))
        {
            throw new ObservationException(_options.Catalogue.Count == 0
                ? "this server has no catalogue of models to switch to (serve --catalogue)"
                : $"the catalogue has no such name; there are {string.Join(", ", _options.Catalogue.Keys.Order(StringComparer.Ordinal))}");
        }

        await _switching.WaitAsync().ConfigureAwait(false);
        IPolicy? next = null;
        try
        {
            next = await Task.Run(open).ConfigureAwait(false);
            await SwapAsync(next).ConfigureAwait(false);
            _opened?.Dispose();
            _opened = next;
            _options.Log?.Invoke($"switched to '{name}' of the catalogue");
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            if (!ReferenceEquals(next, _opened)) next?.Dispose();
            throw new ObservationException($"'{name}' cannot be switched to, the old policy stays: {error.Message}");
        }
        finally
        {
            _switching.Release();
        }
    }

    /// <summary>Refuses new clients, lets requests in progress finish and their replies leave, closes. At most <see cref="ServeOptions.DrainTimeout"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        _webSockets.Drain();
        if (_pipes is { } pipes)
        {
            _pipes = null;
            await pipes.DisposeAsync().ConfigureAwait(false);
        }

        if (_groot is { } groot)
        {
            _groot = null;
            await groot.DisposeAsync().ConfigureAwait(false);
        }

        if (_kestrel is { } kestrel)
        {
            using var limit = new CancellationTokenSource(_options.DrainTimeout);
            await _webSockets.EndAsync(limit.Token).ConfigureAwait(false);
            await kestrel.StopAsync(limit.Token).ConfigureAwait(false);
            _kestrel = null;
        }

        if (_options.Recorder is { } recorder) await recorder.DisposeAsync().ConfigureAwait(false);
        _opened?.Dispose();
        _opened = null;
        _meter.Dispose();
    }

    /// <summary>Sessions of a further policy; the page and recordings are the first one's.</summary>
    private WebSocketSessions Beside(IPolicy policy) => new(
        ActionPlan.Served(policy.Contract, _options), _options with { Live = null, Recorder = null }, new InferenceQueue(policy, _options.MaxBatch, Metrics), Metrics, _slots,
        _ => throw new ObservationException("models are switched at the first policy's path"));

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        _kestrel = await KestrelServer.StartAsync(_options, _http.HandleAsync, new WebSocketDoors(_http.Admits, (request, socket) => _webSockets.At(request.Path)!.ServeAsync(socket)), _leRobot, cancellationToken).ConfigureAwait(false);
        if (_options.UnixPath is not null || _options.PipePort is not null)
            _pipes = PipeServer.Start(_served, _options, _queue, Metrics, _slots);
        if (_options.ZmqPort is not null)
            _groot = new GrootServer(_served, _options, _queue, Metrics, _slots, _token, () => _killed.TrySetResult());
    }

    /// <summary>A policy that cannot run is found here, and its first request is not the slow one.</summary>
    private static void Warm(IPolicy policy)
    {
        policy.Act(ObservationReader.NewBatch(policy.Contract, 1), new float[policy.Contract.ActionHorizon * policy.Contract.ActionNames.Length]);
        (policy as ReplayPolicy)?.Rewind();
    }

    private static string Host(IPAddress address)
    {
        if (address.Equals(IPAddress.Any)) address = IPAddress.Loopback;
        if (address.Equals(IPAddress.IPv6Any)) address = IPAddress.IPv6Loopback;
        return address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
    }
}
