using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using Engine.Host.Serving.Interop;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.OpenPi;

/// <summary>
/// One WebSocket client of openpi's protocol: a metadata map first, then for every observation (a binary msgpack map) a map of
/// <c>actions</c> [H, A], <c>policy_timing</c> and <c>server_timing</c>. INT-ACT's clients (key <c>task</c>) get the bare array, and
/// <c>{"reset": true}</c> is answered with <c>{"status": "reset"}</c>, an observation that a newer one overtook while it waited with <c>{"status": "replaced"}</c>. A failure is sent as text, then the socket closes with 1011.
/// </summary>
internal sealed class OpenPiConnection : IDisposable
{
    private static readonly MsgPackLimits s_limits = new() { StringKeyArrays = true };
    private static readonly TimeSpan s_closing = TimeSpan.FromSeconds(10);

    private readonly MessageChannel _channel;
    private readonly PolicyContract _contract;
    private readonly ServeOptions _options;
    private readonly ServingMetrics _metrics;
    private readonly PolicySession _session;
    private readonly Func<string, Task> _switchTo;
    private readonly MsgPackWriter _writer = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private SocketSignal? _signal;
    private bool _ending;
    private TimeSpan? _previousTotal;

    internal OpenPiConnection(MessageChannel channel, PolicyContract contract, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, long number, Func<string, Task> switchTo)
    {
        _switchTo = switchTo;
        _channel = channel;
        _contract = contract;
        _options = options;
        _metrics = metrics;
        _session = new PolicySession(contract, options, queue, number, inPlace: true);
    }

    /// <summary>Serves the client until it leaves, fails, or <see cref="EndAsync"/> is called.</summary>
    internal async Task RunAsync(ReadOnlyMemory<byte> metadata)
    {
        try
        {
            await _channel.SendAsync(metadata, WebSocketMessageType.Binary, CancellationToken.None).ConfigureAwait(false);
            while (await ServeOneAsync().ConfigureAwait(false))
            {
            }
        }
        catch (WebSocketException)
        {
            // The client is gone, perhaps in the middle of a frame: nobody is left to tell.
        }
        catch (OperationCanceledException)
        {
            _metrics.Error();
        }
    }

    /// <summary>Lets a request in progress finish and its reply leave, then says goodbye (1001).</summary>
    internal async Task EndAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _ending = true;
            await _channel.CloseAsync(WebSocketCloseStatus.EndpointUnavailable, "the server is shutting down", cancellationToken).ConfigureAwait(false);
        }
        catch (WebSocketException)
        {
            // Gone already.
        }
        finally
        {
            _turn.Release();
        }
    }

    internal void Abort() => _channel.Abort();

    public void Dispose()
    {
        _session.Close();
        _signal?.Dispose();
        _channel.Dispose();
    }

    private async Task<bool> ServeOneAsync()
    {
        long begun = Stopwatch.GetTimestamp();
        WebSocketMessageType kind;
        try
        {
            kind = await _channel.ReceiveAsync().ConfigureAwait(false);
        }
        catch (MessageTooBigException error)
        {
            await FailAsync(error.Message, WebSocketCloseStatus.MessageTooBig).ConfigureAwait(false);
            return false;
        }

        if (kind == WebSocketMessageType.Close) return false;
        long received = Stopwatch.GetTimestamp();
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_ending) return false;
            if (await AnswerAsync(kind, received).ConfigureAwait(false) is { } failure)
            {
                await FailAsync(failure, WebSocketCloseStatus.InternalServerError).ConfigureAwait(false);
                return false;
            }

            // Counted before it leaves: whoever has the answer finds it counted.
            _metrics.Request(Stopwatch.GetElapsedTime(received));
            await _channel.SendAsync(_writer.Written, WebSocketMessageType.Binary, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }

        _previousTotal = Stopwatch.GetElapsedTime(begun);
        return true;
    }

    /// <summary>Writes the reply into <see cref="_writer"/>; gives the text for the client where there is none.</summary>
    private async Task<string?> AnswerAsync(WebSocketMessageType kind, long received)
    {
        try
        {
            if (kind != WebSocketMessageType.Binary) return "expected a binary message (msgpack), got text";
            if (MsgPackReader.Read(_channel.Message, s_limits) is not MsgPackMap observation) return "expected a map from names to values";
            _writer.Clear();
            if (observation.TryGet("reset", out bool reset) && reset)
            {
                _session.Reset(observation.TryGet("success", out bool success) ? success : null);
                WriteStatus("reset");
                return null;
            }

            if (observation.ContainsKey("new_model_path"))
            {
                if (!observation.TryGet("new_model_path", out string? model)) return "'new_model_path' must be a name of the server's catalogue";
                await UntilAsync(_switchTo(model!)).ConfigureAwait(false);
                WriteStatus("model switched");
                return null;
            }

            var inference = _session.BeginAsync(observation);
            if (!inference.IsCompleted) Watch(inference);
            await UntilAsync(inference).ConfigureAwait(false);
            _session.End();
            WriteReply(bare: observation.ContainsKey("task") && !observation.ContainsKey("prompt"), received);
            return null;
        }
        catch (ReplacedException)
        {
            WriteStatus("replaced");
            return null;
        }
        catch (Exception error) when (error is ObservationException or MsgPackException)
        {
            return error.Message;
        }
        catch (Exception error)
        {
            _options.Log?.Invoke($"the policy failed: {error}");
            return $"the policy failed: {error.Message}";
        }
    }

    /// <summary>Receives what the client sends while its observation waits for the policy: a newer one takes its place.</summary>
    private void Watch(Task inference)
    {
        if (_channel is not SocketChannel channel) return;
        if (_signal is null)
        {
            _signal = SocketSignal.TryCreate();
            if (_signal is null) return;
            _session.Request.Ended = _signal.Set;

            // Either the one who ends the request finds the signal, or the request is found ended below.
            Interlocked.MemoryBarrier();
        }

        bool readable = false;
        while (!inference.IsCompleted && channel.CanLookAhead)
        {
            if ((readable || channel.HasMore) && IsObservation(channel.LookAhead(readable))) _session.TryWithdraw();
            else readable = _signal.Wait(channel.Socket);
        }
    }

    private static bool IsObservation(ReadOnlyMemory<byte> message)
    {
        try
        {
            return !message.IsEmpty && MsgPackReader.Read(message, s_limits) is MsgPackMap map && !map.ContainsKey("reset") && !map.ContainsKey("new_model_path");
        }
        catch (MsgPackException)
        {
            return false;
        }
    }

    /// <summary>On a thread of its own the connection waits here; elsewhere it gives the thread back.</summary>
    private ValueTask UntilAsync(Task task)
    {
        if (!_channel.Blocks) return new ValueTask(task);
        task.GetAwaiter().GetResult();
        return ValueTask.CompletedTask;
    }

    private void WriteStatus(string status)
    {
        _writer.MapHeader(1);
        _writer.Text("status");
        _writer.Text(status);
    }

    private void WriteReply(bool bare, long received)
    {
        var request = _session.Request;
        if (bare)
        {
            _writer.Array(_session.Actions, _contract.ActionHorizon, _contract.ActionNames.Length);
            return;
        }

        _writer.MapHeader(3);
        _writer.Text("actions");
        _writer.Array(_session.Actions, _contract.ActionHorizon, _contract.ActionNames.Length);
        _writer.Text("policy_timing");
        _writer.MapHeader(1);
        _writer.Text("infer_ms");
        _writer.Float(request.PolicyTime.TotalMilliseconds);
        _writer.Text("server_timing");
        _writer.MapHeader(_previousTotal is null ? 1 : 2);
        _writer.Text("infer_ms");
        _writer.Float(Stopwatch.GetElapsedTime(received).TotalMilliseconds);
        if (_previousTotal is not { } previous) return;
        _writer.Text("prev_total_ms");
        _writer.Float(previous.TotalMilliseconds);
    }

    /// <summary>Tells the client what was wrong, closes, and waits a moment for its goodbye so that the text is not lost.</summary>
    private async Task FailAsync(string message, WebSocketCloseStatus status)
    {
        _metrics.Error();
        using var limit = new CancellationTokenSource(s_closing);
        try
        {
            await _channel.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, limit.Token).ConfigureAwait(false);
            await _channel.CloseAsync(status, "the request failed; the message before says why", limit.Token).ConfigureAwait(false);
            await _channel.DrainAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // It does not answer; the socket is aborted by now.
        }
    }
}
