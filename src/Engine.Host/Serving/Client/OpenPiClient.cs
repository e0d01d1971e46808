using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenPi;

namespace Engine.Host.Serving.Client;

/// <summary>A client of openpi's WebSocket protocol, for our server or openpi's own. One request at a time; not thread-safe.</summary>
public sealed class OpenPiClient : IAsyncDisposable
{
    private const int MaxReplyBytes = 32 << 20;
    private static readonly TimeSpan s_closing = TimeSpan.FromSeconds(5);

    private readonly ClientWebSocket _socket;
    private readonly MessageBuffer _buffer = new(MaxReplyBytes);
    private readonly MsgPackWriter _writer = new();

    private OpenPiClient(ClientWebSocket socket) => _socket = socket;

    /// <summary>What the server said of itself.</summary>
    public MsgPackMap Metadata { get; private set; } = [];

    /// <summary>Round-trip times of this client's requests.</summary>
    public RoundTripTimes Times { get; } = new();

    /// <summary>Connects and reads the metadata.</summary>
    /// <param name="uri"><c>ws://host:port</c> or <c>wss://…</c>.</param>
    /// <param name="token">Sent as <c>Authorization: Api-Key …</c> when given.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="WebSocketException">There is no such server, or it refuses.</exception>
    /// <exception cref="InvalidDataException">It does not speak the protocol.</exception>
    public static async Task<OpenPiClient> ConnectAsync(Uri uri, string? token = null, CancellationToken cancellationToken = default)
    {
        var socket = new ClientWebSocket();
        OpenPiClient? client = null;
        try
        {
            socket.Options.KeepAliveInterval = TimeSpan.FromSeconds(30);
            if (token is not null) socket.Options.SetRequestHeader("Authorization", "Api-Key " + token);
            await socket.ConnectAsync(uri, cancellationToken).ConfigureAwait(false);
            client = new OpenPiClient(socket);
            client.Metadata = await client.ReceiveAsync(cancellationToken).ConfigureAwait(false) as MsgPackMap
                ?? throw new InvalidDataException($"{uri} did not begin with a map of metadata.");
            return client;
        }
        catch
        {
            client?._buffer.Dispose();
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends an observation and waits for the actions.</summary>
    /// <exception cref="OpenPiServerException">The server refused the observation; it closes the connection then.</exception>
    /// <exception cref="WebSocketException">The connection broke.</exception>
    /// <exception cref="InvalidDataException">The answer has no array of actions.</exception>
    public async Task<OpenPiReply> InferAsync(MsgPackMap observation, CancellationToken cancellationToken = default)
    {
        long started = Stopwatch.GetTimestamp();
        object? answer = await RequestAsync(observation, cancellationToken).ConfigureAwait(false);
        var map = answer as MsgPackMap ?? new MsgPackMap { ["actions"] = answer };
        if (!map.TryGet("actions", out NumpyArray? actions) || actions.Shape.Length is not (1 or 2) || !actions.Dtype.IsNumeric)
            throw new InvalidDataException("the server's answer has no 'actions' that is an array [H, A].");
        float[] values = actions.ToSingles();
        int width = (int)actions.Shape[^1];

        // The answer outlives the receive buffer, which the next request overwrites.
        map["actions"] = NumpyArray.From(values, actions.Shape);
        return new OpenPiReply(
            values, width == 0 ? 0 : values.Length / width, width, Timing(map, "policy_timing"), Timing(map, "server_timing"), Times.Since(started), map);
    }

    /// <summary>Tells the server that a new episode begins, and, where it is known, whether the last one succeeded.</summary>
    /// <exception cref="OpenPiServerException">The server does not know how.</exception>
    public Task ResetAsync(bool? success = null, CancellationToken cancellationToken = default)
    {
        var request = new MsgPackMap { ["reset"] = true };
        if (success is { } known) request["success"] = known;
        return RequestAsync(request, cancellationToken);
    }

    /// <summary>Asks the server for another policy of its catalogue, as INT-ACT's clients do.</summary>
    /// <exception cref="OpenPiServerException">The catalogue has no such name, or the policy does not fit; the server closes the connection then.</exception>
    public Task SwitchAsync(string name, CancellationToken cancellationToken = default) => RequestAsync(new MsgPackMap { ["new_model_path"] = name }, cancellationToken);

    /// <summary>Says goodbye.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(s_closing);
            if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await _socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException)
        {
            // The server is gone already.
        }

        _socket.Dispose();
        _buffer.Dispose();
    }

    private static double Timing(MsgPackMap map, string key) =>
        map.TryGet(key, out MsgPackMap? timing) ? timing.Number("infer_ms") ?? double.NaN : double.NaN;

    private async Task<object?> RequestAsync(MsgPackMap request, CancellationToken cancellationToken)
    {
        _writer.Clear();
        _writer.Value(request);
        try
        {
            await _socket.SendAsync(_writer.Written, WebSocketMessageType.Binary, true, cancellationToken).ConfigureAwait(false);
        }
        catch (WebSocketException) when (_socket.State != WebSocketState.Open)
        {
            // The server may have said why before it closed.
            await ReceiveAsync(cancellationToken).ConfigureAwait(false);
            throw;
        }

        return await ReceiveAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task<object?> ReceiveAsync(CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.Register(_socket.Abort);
        WebSocketMessageType kind;
        try
        {
            kind = await _buffer.ReceiveAsync(_socket, TimeSpan.FromSeconds(60)).ConfigureAwait(false);
        }
        catch (WebSocketException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }

        switch (kind)
        {
            case WebSocketMessageType.Text:
                throw new OpenPiServerException(Encoding.UTF8.GetString(_buffer.Message.Span));
            case WebSocketMessageType.Close:
                throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely, $"the server closed: {_socket.CloseStatus} {_socket.CloseStatusDescription}");
            default:
                try
                {
                    return MsgPackReader.Read(_buffer.Message);
                }
                catch (MsgPackException error)
                {
                    throw new InvalidDataException($"the server's answer is malformed: {error.Message}", error);
                }
        }
    }
}
