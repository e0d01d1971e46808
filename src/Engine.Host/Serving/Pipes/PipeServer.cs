using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Engine.Client;
using Engine.Host.Serving.Pipes.Interop;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Pipes;

/// <summary>The pipes of a policy server: listens on a Unix-domain socket, a TCP port, or both, and serves every client until the end.</summary>
internal sealed class PipeServer : IAsyncDisposable
{
    private const int Backlog = 64;
    private static readonly TimeSpan s_watch = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<PipeConnection, Task> _connections = new();
    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _work = [];
    private readonly CancellationTokenSource _end = new();
    private readonly PolicyContract _contract;
    private readonly ServeOptions _options;
    private readonly InferenceQueue _queue;
    private readonly ServingMetrics _metrics;
    private readonly SessionSlots _slots;
    private readonly PipeLayout _layout;
    private readonly PipeGreeter _greeter;

    private PipeServer(PolicyContract contract, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, SessionSlots slots)
    {
        _contract = contract;
        _options = options;
        _queue = queue;
        _metrics = metrics;
        _slots = slots;
        _layout = PipeSession.LayoutOf(contract, options);
        _greeter = new PipeGreeter(contract, options, options.SharedMemory);
    }

    /// <summary>The port of the TCP pipe; 0 without one.</summary>
    internal int Port { get; private set; }

    /// <summary>Listens as the options say.</summary>
    /// <exception cref="IOException">The path or the port is taken.</exception>
    internal static PipeServer Start(PolicyContract contract, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, SessionSlots slots)
    {
        var server = new PipeServer(contract, options, queue, metrics, slots);
        try
        {
            if (options.UnixPath is { } path) server._listeners.Add(SocketFile.Listen(path, Backlog));
            if (options.PipePort is { } port) server._listeners.Add(server.ListenTcp(port));
        }
        catch
        {
            foreach (var listener in server._listeners) listener.Dispose();
            throw;
        }

        foreach (var listener in server._listeners) server._work.Add(server.AcceptAsync(listener));
        server._work.Add(server.WatchAsync());
        return server;
    }

    /// <summary>Refuses new clients, lets requests in progress finish and their replies leave, closes; cuts what has not ended by then.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(_options.DrainTimeout);
        foreach (var listener in _listeners) listener.Dispose();
        if (_options.UnixPath is { } path) File.Delete(path);
        try
        {
            await Task.WhenAll(_connections.Keys.Select(c => c.EndAsync(limit.Token))).WaitAsync(limit.Token).ConfigureAwait(false);
            await Task.WhenAll(_connections.Values).WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _options.Log?.Invoke($"{_connections.Count} pipes did not end within {_options.DrainTimeout.TotalSeconds} s and were cut");
        }

        // Those that are left, and one that came in while the listeners closed.
        foreach (var connection in _connections.Keys) connection.Abort();
        await _end.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_work).ConfigureAwait(false);
        _end.Dispose();
    }

    private Socket ListenTcp(int port)
    {
        // Without a token a pipe is for this machine, whatever the address of the WebSocket.
        var address = _options.Token is null && !IPAddress.IsLoopback(_options.Address) ? IPAddress.Loopback : _options.Address;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(Backlog);
            Port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            return socket;
        }
        catch (SocketException error)
        {
            socket.Dispose();
            throw new IOException($"the pipe cannot listen on {address}:{port}: {error.Message}", error);
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                var socket = await listener.AcceptAsync(_end.Token).ConfigureAwait(false);
                if (socket.AddressFamily != AddressFamily.Unix) socket.NoDelay = true;
                if (_slots.TryEnter()) Begin(socket);
                else Refuse(socket);
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException || listener.SafeHandle.IsClosed)
            {
                return;
            }
            catch (SocketException error)
            {
                // A client that was gone before it was taken, or no descriptors left: the next may do better.
                _options.Log?.Invoke($"a pipe's client could not be taken: {error.Message}");
                await Task.Delay(s_watch).ConfigureAwait(false);
            }
        }
    }

    private void Begin(Socket socket)
    {
        var session = new PipeSession(_contract, _layout, _options, _queue, _metrics, _metrics.SessionOpened());
        var connection = new PipeConnection(socket, _greeter, _layout, session, _options);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _connections[connection] = ended.Task;
        new Thread(Serve, ServeOptions.SessionStackBytes) { IsBackground = true, Name = $"pipe {session.Number}" }.Start();

        void Serve()
        {
            try
            {
                connection.Run();
            }
            finally
            {
                _connections.TryRemove(connection, out _);
                connection.Dispose();
                _slots.Leave();
                _metrics.SessionClosed();
                ended.SetResult();
            }
        }
    }

    private void Refuse(Socket socket)
    {
        _metrics.Refused();
        byte[] frame = new byte[PipeHeader.Size + 64];
        int length = PipeFraming.WriteError("too many sessions", frame.AsSpan(PipeHeader.Size));
        new PipeHeader
        {
            Kind = PipeKind.Error,
            Flags = PipeFlags.Closing,
            Length = (uint)length,
            Code = PipeErrorCode.Unavailable,
            Time = MonotonicClock.Nanoseconds,
        }.Write(frame);
        using (socket)
        {
            try
            {
                socket.Send(frame.AsSpan(0, PipeHeader.Size + length));
            }
            catch (SocketException)
            {
                // It did not wait.
            }
        }
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(s_watch);
        try
        {
            while (await timer.WaitForNextTickAsync(_end.Token).ConfigureAwait(false))
            {
                long now = Stopwatch.GetTimestamp();
                foreach (var (connection, _) in _connections) connection.CheckLimit(now);
            }
        }
        catch (OperationCanceledException)
        {
            // The server ends.
        }
    }
}
