using System.Net;
using System.Net.Sockets;

namespace Engine.Host.Tests.Serving.Protocols;

/// <summary>
/// A bad network in front of a TCP port: what the client sends arrives one byte at a time, or is cut for good, with a reset, after a number of bytes.
/// Answers pass as they are.
/// </summary>
internal sealed class SlowProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly long _cutAfter;

    internal SlowProxy(int target, long cutAfter = long.MaxValue)
    {
        (_target, _cutAfter) = (target, cutAfter);
        _listener.Start();
        _ = AcceptAsync();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Bytes that clients have sent.</summary>
    internal long Sent => Interlocked.Read(ref _sent);

    private long _sent;

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                _ = CarryAsync(client);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task CarryAsync(TcpClient client)
    {
        using var server = new TcpClient { NoDelay = true };
        using (client)
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _target);
                var back = server.GetStream().CopyToAsync(client.GetStream());
                byte[] bytes = new byte[4096];
                for (int read; (read = await client.GetStream().ReadAsync(bytes)) > 0;)
                {
                    for (int i = 0; i < read; i++)
                    {
                        if (Interlocked.Increment(ref _sent) > _cutAfter)
                        {
                            server.LingerState = new LingerOption(true, 0);
                            return;
                        }

                        await server.GetStream().WriteAsync(bytes.AsMemory(i, 1));
                    }
                }

                server.Client.Shutdown(SocketShutdown.Send);
                await back;
            }
            catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException)
            {
                // One side is gone.
            }
        }
    }
}
