using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Groot;

/// <summary>A ZeroMQ REP socket for GR00T's clients: listens on a TCP port and serves every client, one session each, until the end.</summary>
internal sealed class GrootServer : IAsyncDisposable
{
    private const int Backlog = 64;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<Client, Task> _clients = new();
    private readonly CancellationTokenSource _end = new();
    private readonly PolicyContract _contract;
    private readonly ServeOptions _options;
    private readonly InferenceQueue _queue;
    private readonly ServingMetrics _metrics;
    private readonly SessionSlots _slots;
    private readonly AccessToken _token;
    private readonly Action _kill;
    private readonly GrootModalities _modalities;
    private readonly Socket _listener;
    private readonly Task _accepting;

    /// <summary>Listens on <see cref="ServeOptions.ZmqPort"/>.</summary>
    /// <exception cref="ArgumentException">The configured keys do not make up the policy's state or action.</exception>
    /// <exception cref="IOException">The port is taken.</exception>
    internal GrootServer(PolicyContract contract, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, SessionSlots slots, AccessToken token, Action kill)
    {
        (_contract, _options, _queue, _metrics, _slots, _token, _kill) = (contract, options, queue, metrics, slots, token, kill);
        _modalities = new GrootModalities(contract, options);
        _listener = new Socket(options.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _listener.Bind(new IPEndPoint(options.Address, options.ZmqPort ?? 0));
            _listener.Listen(Backlog);
        }
        catch (SocketException error)
        {
            _listener.Dispose();
            throw new IOException($"ZeroMQ cannot listen on {options.Address}:{options.ZmqPort}: {error.Message}", error);
        }

        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _accepting = AcceptAsync();
    }

    internal int Port { get; }

    /// <summary>Refuses new clients, lets requests in progress finish and their replies leave, closes; cuts what has not ended by then.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        using var limit = new CancellationTokenSource(_options.DrainTimeout);
        try
        {
            await Task.WhenAll(_clients.Keys.Select(c => c.EndAsync(limit.Token))).ConfigureAwait(false);
            await Task.WhenAll(_clients.Values).WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _options.Log?.Invoke($"{_clients.Count} ZeroMQ clients did not end within {_options.DrainTimeout.TotalSeconds} s and were cut");
            foreach (var client in _clients.Keys) client.Abort();
        }

        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                var socket = await _listener.AcceptAsync(_end.Token).ConfigureAwait(false);
                if (_slots.TryEnter())
                {
                    socket.NoDelay = true;
                    Begin(socket);
                }
                else
                {
                    // A REQ socket tries again by itself: it waits until a place is free.
                    _metrics.Refused();
                    socket.Dispose();
                }
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException || _end.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException error)
            {
                // A client that was gone before it was taken, or no descriptors left: the next may do better.
                _options.Log?.Invoke($"a ZeroMQ client could not be taken: {error.Message}");
                await Task.Delay(s_pause).ConfigureAwait(false);
            }
        }
    }

    private void Begin(Socket socket)
    {
        var session = new PolicySession(_contract, _options, _queue, _metrics.SessionOpened());
        var client = new Client(socket, _options, new GrootSession(_contract, _options, _modalities, _token, session, _metrics, _kill));
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _clients[client] = ended.Task;
        _ = Task.Run(async () =>
        {
            try
            {
                await client.RunAsync(_metrics).ConfigureAwait(false);
            }
            finally
            {
                _clients.TryRemove(client, out _);
                client.Dispose();
                _slots.Leave();
                _metrics.SessionClosed();
                ended.SetResult();
            }
        });
    }

    /// <summary>One connection and its session.</summary>
    private sealed class Client(Socket socket, ServeOptions options, GrootSession session) : IDisposable
    {
        private readonly ZmtpConnection _connection = new(socket, options.MaxMessageBytes, options.MessageTimeout);
        private readonly SemaphoreSlim _turn = new(1, 1);
        private volatile bool _ending;

        /// <summary>Serves the client until it leaves, breaks the protocol, or <see cref="EndAsync"/> is called.</summary>
        internal async Task RunAsync(ServingMetrics metrics)
        {
            // A place is not kept for one who never shows the token.
            using var admission = new CancellationTokenSource(session.Admitted ? Timeout.InfiniteTimeSpan : options.MessageTimeout);
            try
            {
                await _connection.HandshakeAsync().ConfigureAwait(false);
                while (!_ending && await _connection.ReceiveAsync(admission.Token).ConfigureAwait(false) is { } request)
                {
                    await _turn.WaitAsync().ConfigureAwait(false);
                    try
                    {
                        if (_ending) return;
                        await _connection.ReplyAsync(await session.AnswerAsync(request).ConfigureAwait(false)).ConfigureAwait(false);
                        if (session.Admitted) admission.CancelAfter(Timeout.InfiniteTimeSpan);
                    }
                    finally
                    {
                        _turn.Release();
                    }
                }
            }
            catch (ZmtpException error)
            {
                metrics.Error();
                options.Log?.Invoke($"a ZeroMQ client was cut: {error.Message}");
            }
            catch (Exception error) when (error is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
                // It is gone or too slow, or the server ends.
                if (!_ending) metrics.Error();
            }
        }

        internal async Task EndAsync(CancellationToken cancellationToken)
        {
            await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
            _ending = true;
            _turn.Release();
            Abort();
        }

        internal void Abort()
        {
            try
            {
                socket.Shutdown(SocketShutdown.Both);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // Gone already.
            }
        }

        public void Dispose()
        {
            session.Close();
            _connection.Dispose();
            socket.Dispose();
        }
    }
}
