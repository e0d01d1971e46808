using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Engine.Host.Serving.OpenPi;

/// <summary>
/// Listens in Kestrel's place. A client whose first bytes are a plain request for a WebSocket, and who may come in, is served on a thread of its own over
/// the bare socket; every other connection, and every refusal, is Kestrel's. Without TLS only: an encrypted request cannot be looked at.
/// </summary>
internal sealed class WebSocketDoor : IConnectionListener
{
    private const int Backlog = 512, MostHeadBytes = 16 << 10, MostLooking = 64, KeepAliveSeconds = 30;
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100), s_send = TimeSpan.FromSeconds(30);

    private readonly Socket _listener;
    private readonly Func<UpgradeRequest, bool> _admits;
    private readonly Func<UpgradeRequest, Socket, Task> _serve;
    private readonly SocketConnectionContextFactory _contexts;
    private readonly Channel<ConnectionContext> _others = Channel.CreateUnbounded<ConnectionContext>();
    private readonly Task _work;
    private int _looking;

    private WebSocketDoor(Socket listener, Func<UpgradeRequest, bool> admits, Func<UpgradeRequest, Socket, Task> serve, ILogger logger)
    {
        _listener = listener;
        _admits = admits;
        _serve = serve;
        _contexts = new SocketConnectionContextFactory(new SocketConnectionFactoryOptions(), logger);
        EndPoint = listener.LocalEndPoint!;
        _work = AcceptAllAsync();
    }

    public EndPoint EndPoint { get; }

    /// <summary>Listens on an endpoint.</summary>
    /// <param name="endPoint">Address and port; 0 takes a free one.</param>
    /// <param name="admits">Whether a client may come in; takes its place where it may.</param>
    /// <param name="serve">Serves it on the thread that calls, and gives its place back.</param>
    /// <param name="logger">For Kestrel's connections.</param>
    /// <exception cref="AddressInUseException">The port is taken.</exception>
    internal static WebSocketDoor Listen(IPEndPoint endPoint, Func<UpgradeRequest, bool> admits, Func<UpgradeRequest, Socket, Task> serve, ILogger logger)
    {
        var listener = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // As Kestrel has it: the IPv6 address for everything means IPv4 too.
            if (endPoint.Address.Equals(IPAddress.IPv6Any)) listener.DualMode = true;
            listener.Bind(endPoint);
            listener.Listen(Backlog);
            return new WebSocketDoor(listener, admits, serve, logger);
        }
        catch (SocketException error)
        {
            listener.Dispose();
            throw error.SocketErrorCode == SocketError.AddressAlreadyInUse ? new AddressInUseException(error.Message, error) : new IOException(error.Message, error);
        }
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _others.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_others.Reader.TryRead(out var connection)) return connection;
        }

        return null;
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _listener.Dispose();
        await _work.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync().ConfigureAwait(false);
        _contexts.Dispose();
    }

    private async Task AcceptAllAsync()
    {
        while (true)
        {
            try
            {
                var socket = await _listener.AcceptAsync().ConfigureAwait(false);
                socket.NoDelay = true;
                if (Interlocked.Increment(ref _looking) <= MostLooking) new Thread(() => Look(socket), ServeOptions.SessionStackBytes) { IsBackground = true, Name = "client" }.Start();
                else HandOver(socket);
            }
            catch (Exception error) when (error is ObjectDisposedException || _listener.SafeHandle.IsClosed)
            {
                _others.Writer.TryComplete();
                return;
            }
            catch (SocketException)
            {
                // A client that was gone before it was taken, or no descriptors left: the next may do better.
                await Task.Delay(s_look).ConfigureAwait(false);
            }
        }
    }

    private void Look(Socket socket)
    {
        if (Upgrade(socket) is not { } request)
        {
            HandOver(socket);
            return;
        }

        Interlocked.Decrement(ref _looking);
        try
        {
            _serve(request, socket).GetAwaiter().GetResult();
        }
        finally
        {
            socket.Dispose();
        }
    }

    /// <summary>Takes the request and accepts it, or leaves it where it is.</summary>
    private UpgradeRequest? Upgrade(Socket socket)
    {
        try
        {
            if (!socket.Poll(s_look, SelectMode.SelectRead)) return null;
            byte[] head = new byte[MostHeadBytes];
            int peeked = socket.Receive(head, SocketFlags.Peek);
            if (UpgradeRequest.Read(head.AsSpan(0, peeked), out int length) is not { } request || !_admits(request)) return null;
            Accept(socket, request, head.AsSpan(0, length));
            return request;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private static void Accept(Socket socket, UpgradeRequest request, Span<byte> head)
    {
        try
        {
            socket.Receive(head);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveSeconds);
            socket.SendTimeout = (int)s_send.TotalMilliseconds;
            socket.Send(request.Acceptance);
        }
        catch (SocketException)
        {
            // Gone already: whoever serves it will notice, and give its place back.
        }
    }

    private void HandOver(Socket socket)
    {
        Interlocked.Decrement(ref _looking);
        try
        {
            _others.Writer.TryWrite(_contexts.Create(socket));
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            socket.Dispose();
        }
    }
}
