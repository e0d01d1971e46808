using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Engine.Host.Serving.Groot;
using Engine.Host.Serving.LeRobot;
using Engine.Host.Serving.OpenPi;
using Engine.Host.Serving.OpenVla;
using Engine.Host.Serving.Pipes;
using Engine.Host.Serving.Recording;
using Engine.Runtime.Contract;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Engine.Host.Serving;

/// <summary>
/// One policy behind openpi's WebSocket protocol (any path), OpenVLA's <c>POST /act</c>, <c>GET /healthz</c>, <c>/readyz</c> and <c>/metrics</c>,
/// and, where the options ask for them, behind local pipes (<c>Engine.Client.PipeClient</c> and its kin), LeRobot's gRPC service and
/// GR00T's ZeroMQ protocol.
/// The policy stays the caller's: dispose it after the server.
/// </summary>
public sealed class PolicyServer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<OpenPiConnection, Task> _connections = new();
    private readonly ServeOptions _options;

    /// <summary>For requests that stand alone: there is no session to watch or to record.</summary>
    private readonly ServeOptions _standalone;

    private readonly PolicyContract _contract;
    private readonly InferenceQueue _queue;
    private readonly byte[] _metadata;
    private readonly AccessToken _token;
    private readonly TaskCompletionSource _killed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication? _application;
    private readonly SessionSlots _slots;
    private PipeServer? _pipes;
    private GrootServer? _groot;
    private readonly LeRobotService _leRobot;
    private readonly SemaphoreSlim _switching = new(1, 1);
    private readonly LiveSessions _live;
    private IPolicy? _opened;
    private volatile bool _draining;

    private PolicyServer(IPolicy policy, ServeOptions options)
    {
        _contract = policy.Contract;
        if (options.Recording is { } recording)
        {
            var folder = RecordingFolder.Create(recording.Directory, new RecordingFolder.About(_contract, recording.Policy, recording.PolicySha256, options.Temperature, options.Seed));
            options = options with { Recorder = new EpisodeRecorder(folder, options.Log) };
        }

        _standalone = options with { Recorder = null };
        _live = new LiveSessions(_contract);
        options = options with { Live = _live };

        _options = options;
        _slots = new SessionSlots(options.MaxSessions);
        _queue = new InferenceQueue(policy, options.MaxBatch, Metrics);
        _metadata = OpenPiMetadata.ToBytes(_contract);
        _token = new AccessToken(options.Token);
        _leRobot = new LeRobotService(_contract, options, _queue, Metrics, _slots, _token);
    }

    /// <summary>The port that is listened on.</summary>
    public int Port { get; private set; }

    /// <summary>The port of the TCP pipe, 0 where there is none.</summary>
    public int PipePort => _pipes?.Port ?? 0;

    /// <summary>The port of gRPC, 0 where there is none.</summary>
    public int GrpcPort { get; private set; }

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
        Check(options);
        Warm(policy);
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
        _draining = true;
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

        if (_application is { } application)
        {
            _application = null;
            await EndAsync(application).ConfigureAwait(false);
        }

        if (_options.Recorder is { } recorder) await recorder.DisposeAsync().ConfigureAwait(false);
        _opened?.Dispose();
        _opened = null;
    }

    private async Task EndAsync(WebApplication application)
    {
        using var limit = new CancellationTokenSource(_options.DrainTimeout);
        try
        {
            await Task.WhenAll(_connections.Keys.Select(c => c.EndAsync(limit.Token))).ConfigureAwait(false);
            await Task.WhenAll(_connections.Values).WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _options.Log?.Invoke($"{_connections.Count} sessions did not end within {_options.DrainTimeout.TotalSeconds} s and were cut");
            foreach (var connection in _connections.Keys) connection.Abort();
        }

        try
        {
            await application.StopAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Kestrel has aborted what was left.
        }

        await application.DisposeAsync().ConfigureAwait(false);
    }

    private static void Check(ServeOptions options)
    {
        if (!IPAddress.IsLoopback(options.Address) && options.Token is null && !options.Insecure)
        {
            throw new ArgumentException(
                $"serving on {options.Address} lets other machines drive the policy: set a token (token=…, or ENGINE_TOKEN), or say --insecure.", nameof(options));
        }

        if (options.Token is { Length: < 8 }) throw new ArgumentException("the token has fewer than 8 characters.", nameof(options));
        if (options.PipePort is < 0 or > 65535)
            throw new ArgumentOutOfRangeException(nameof(options), options.PipePort, "expected a pipe port of 0 to 65535");
        if (options.GrpcPort is < 0 or > 65535)
            throw new ArgumentOutOfRangeException(nameof(options), options.GrpcPort, "expected a gRPC port of 0 to 65535");
        if (options.ZmqPort is < 0 or > 65535)
            throw new ArgumentOutOfRangeException(nameof(options), options.ZmqPort, "expected a ZeroMQ port of 0 to 65535");
        if (options.SharedMemory && options.UnixPath is null)
            throw new ArgumentException("shared memory goes over a Unix-domain socket: name its path too (--unix).", nameof(options));
        if (options.SharedMemory && !(OperatingSystem.IsLinux() && Environment.Is64BitProcess))
            throw new ArgumentException("shared memory needs 64-bit Linux.", nameof(options));
        if (options.Port is < 0 or > 65535) throw new ArgumentOutOfRangeException(nameof(options), options.Port, "expected a port of 0 to 65535");
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxMessageBytes, 1024, nameof(options.MaxMessageBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxSessions, 1, nameof(options.MaxSessions));
        if (!(options.Temperature >= 0)) throw new ArgumentOutOfRangeException(nameof(options), options.Temperature, "expected a temperature of 0 or more");
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

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, CallersLifetime>();
        builder.WebHost.UseKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = _options.MaxMessageBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = 64 << 10;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.MaxConcurrentConnections = _options.MaxSessions + 64;
            kestrel.Listen(_options.Address, _options.Port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                if (_options.Certificate is { } certificate) listen.UseHttps(certificate);
            });

            // Without TLS one port cannot tell HTTP/1.1 from HTTP/2, so gRPC has its own.
            if (_options.GrpcPort is not { } grpcPort) return;
            kestrel.Listen(_options.Address, grpcPort, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                if (_options.Certificate is { } certificate) listen.UseHttps(certificate);
                listen.Use(next => connection => _leRobot.RunConnectionAsync(next, connection));
            });
        });
        _application = builder.Build();
        _application.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(30) });
        _application.Run(context => HttpProtocol.IsHttp2(context.Request.Protocol) ? _leRobot.HandleAsync(context) : HandleAsync(context));
        _leRobot.Ending = _application.Lifetime.ApplicationStopping;
        await _application.StartAsync(cancellationToken).ConfigureAwait(false);
        var addresses = _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        Port = new Uri(addresses.First()).Port;
        if (_options.GrpcPort is not null) GrpcPort = new Uri(addresses.Last()).Port;
        if (_options.UnixPath is not null || _options.PipePort is not null)
            _pipes = PipeServer.Start(_contract, _options, _queue, Metrics, _slots);
        if (_options.ZmqPort is not null)
            _groot = new GrootServer(_contract, _options, _queue, Metrics, _slots, _token, () => _killed.TrySetResult());
    }

    private Task HandleAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/";
        if (path == "/healthz" && !context.WebSockets.IsWebSocketRequest) return TextAsync(context, StatusCodes.Status200OK, "OK\n");
        if (!_token.AdmitsHeader(context.Request.Headers.Authorization.ToString()))
        {
            Metrics.Refused();
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return TextAsync(context, StatusCodes.Status401Unauthorized, "send the server's token: Authorization: Bearer …\n");
        }

        if (context.WebSockets.IsWebSocketRequest) return WebSocketAsync(context);
        return (context.Request.Method, path) switch
        {
            ("GET", "/readyz") => _draining
                ? TextAsync(context, StatusCodes.Status503ServiceUnavailable, "shutting down\n")
                : TextAsync(context, StatusCodes.Status200OK, "ready\n"),
            ("GET", "/") => PageAsync(context),
            ("GET", "/live") => LiveAsync(context),
            ("GET", "/frame") => FrameAsync(context),
            ("GET", "/metrics") => TextAsync(context, StatusCodes.Status200OK, Metrics.ToPrometheus()),
            ("POST", "/act") => ActAsync(context),
            (_, "/act") => TextAsync(context, StatusCodes.Status405MethodNotAllowed, "use POST\n"),
            _ => TextAsync(context, StatusCodes.Status404NotFound, "here are a WebSocket, POST /act, GET /, /live, /frame, /healthz, /readyz and /metrics\n"),
        };
    }

    private async Task ActAsync(HttpContext context)
    {
        long number = Metrics.SessionOpened();
        try
        {
            await OpenVlaEndpoint.HandleAsync(context, _contract, _standalone, _queue, Metrics, number).ConfigureAwait(false);
        }
        finally
        {
            Metrics.SessionClosed();
        }
    }

    private async Task WebSocketAsync(HttpContext context)
    {
        if (!OriginAllowed(context.Request))
        {
            Metrics.Refused();
            await TextAsync(context, StatusCodes.Status403Forbidden, "this origin may not connect\n").ConfigureAwait(false);
            return;
        }

        if (_draining || !_slots.TryEnter())
        {
            Metrics.Refused();
            await TextAsync(context, StatusCodes.Status503ServiceUnavailable, _draining ? "shutting down\n" : "too many sessions\n").ConfigureAwait(false);
            return;
        }

        try
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
            using var connection = new OpenPiConnection(socket, _contract, _options, _queue, Metrics, Metrics.SessionOpened(), SwitchAsync);
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _connections[connection] = ended.Task;
            try
            {
                if (_draining) await connection.EndAsync(CancellationToken.None).ConfigureAwait(false);
                await connection.RunAsync(_metadata).ConfigureAwait(false);
            }
            finally
            {
                _connections.TryRemove(connection, out _);
                Metrics.SessionClosed();
                ended.SetResult();
            }
        }
        finally
        {
            _slots.Leave();
        }
    }

    private bool OriginAllowed(HttpRequest request)
    {
        string origin = request.Headers.Origin.ToString();
        if (origin.Length == 0 || _options.AllowedOrigins.Contains(origin, StringComparer.OrdinalIgnoreCase)) return true;

        // The server's own pages: the same host, which must be an address or localhost, since a foreign name may be made to point here.
        string host = request.Host.Host.Trim('[', ']');
        return (host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host, out _))
            && Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase);
    }

    private static Task PageAsync(HttpContext context)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.ContentSecurityPolicy = LivePage.SecurityPolicy;
        return context.Response.WriteAsync(LivePage.Html);
    }

    private async Task LiveAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(_live.ToJson()).ConfigureAwait(false);
    }

    private async Task FrameAsync(HttpContext context)
    {
        if (!long.TryParse(context.Request.Query["session"], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            || _live.Frame(number, context.Request.Query["camera"].ToString()) is not { } png)
        {
            await TextAsync(context, StatusCodes.Status404NotFound, "no such session or camera\n").ConfigureAwait(false);
            return;
        }

        context.Response.ContentType = "image/png";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(png).ConfigureAwait(false);
    }

    private static Task TextAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(text);
    }

    /// <summary>Signals are the program's business, not the server's.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
