using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Net.WebSockets;
using Engine.Host.Serving.OpenPi;
using Engine.Runtime.Contract;
using Microsoft.AspNetCore.Http;

namespace Engine.Host.Serving;

/// <summary>The open WebSockets of a server, one session each.</summary>
internal sealed class WebSocketSessions(
    PolicyContract contract, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, SessionSlots slots, Func<string, Task> switchTo)
{
    private readonly ConcurrentDictionary<OpenPiConnection, Task> _connections = new();
    private readonly byte[] _metadata = OpenPiMetadata.ToBytes(contract);
    private volatile bool _draining;

    /// <summary>The server takes no new sessions.</summary>
    internal bool Draining => _draining;

    /// <summary>Takes a place for a session; <see cref="RunAsync"/> gives it back.</summary>
    internal bool TryEnter() => !_draining && slots.TryEnter();

    /// <summary>Accepts a WebSocket and serves it until it ends.</summary>
    internal async Task RunAsync(HttpContext context)
    {
        WebSocket socket;
        try
        {
            socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        }
        catch
        {
            slots.Leave();
            throw;
        }

        await ServeAsync(new KestrelChannel(socket, options)).ConfigureAwait(false);
    }

    /// <summary>Serves a client of a bare socket, which has its place, until it ends; the place is given back.</summary>
    internal Task ServeAsync(Socket socket) => ServeAsync(new SocketChannel(socket, options.MaxMessageBytes, options.MessageTimeout));

    private async Task ServeAsync(MessageChannel channel)
    {
        try
        {
            using var connection = new OpenPiConnection(channel, contract, options, queue, metrics, metrics.SessionOpened(), switchTo);
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
                metrics.SessionClosed();
                ended.SetResult();
            }
        }
        finally
        {
            slots.Leave();
        }
    }

    /// <summary>From now on no session is taken.</summary>
    internal void Drain() => _draining = true;

    /// <summary>Lets requests in progress finish and their replies leave; cuts what has not ended when the limit comes.</summary>
    internal async Task EndAsync(CancellationToken limit)
    {
        Drain();
        try
        {
            await Task.WhenAll(_connections.Keys.Select(c => c.EndAsync(limit))).ConfigureAwait(false);
            await Task.WhenAll(_connections.Values).WaitAsync(limit).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            options.Log?.Invoke($"{_connections.Count} sessions did not end within {options.DrainTimeout.TotalSeconds} s and were cut");
            foreach (var connection in _connections.Keys) connection.Abort();
        }
    }
}
