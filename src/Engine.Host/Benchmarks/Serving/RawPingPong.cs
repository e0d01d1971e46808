using System.Globalization;
using System.Net.Sockets;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>Sends so many bytes over a Unix-domain socket to a process that receives them all and sends so many back.</summary>
internal sealed class RawPingPong : IDisposable
{
    private readonly PartProcess _other;
    private readonly Socket _socket;
    private readonly byte[] _request, _reply;

    private RawPingPong(PartProcess other, Socket socket, int request, int reply) => (_other, _socket, _request, _reply) = (other, socket, new byte[request], new byte[reply]);

    /// <summary>Starts the other process and connects.</summary>
    public static async Task<RawPingPong> StartAsync(int request, int reply)
    {
        var other = await PartProcess.StartAsync("ping-pong", request.ToString(CultureInfo.InvariantCulture), reply.ToString(CultureInfo.InvariantCulture));
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(other.SocketPath));
        socket.SendBufferSize = request;
        return new RawPingPong(other, socket, request, reply);
    }

    /// <summary>The other process: answers one client, until it leaves.</summary>
    public static void Serve(string path, int request, int reply, Action ready)
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        ready();
        using var socket = listener.Accept();
        byte[] received = new byte[request], sent = new byte[reply];
        while (Receive(socket, received)) Send(socket, sent);
    }

    /// <summary>One round trip.</summary>
    public void Ask()
    {
        Send(_socket, _request);
        Receive(_socket, _reply);
    }

    public void Dispose()
    {
        _socket.Dispose();
        _other.Dispose();
    }

    private static void Send(Socket socket, byte[] bytes)
    {
        for (int sent = 0; sent < bytes.Length;) sent += socket.Send(bytes.AsSpan(sent));
    }

    private static bool Receive(Socket socket, byte[] bytes)
    {
        for (int received = 0; received < bytes.Length;)
        {
            int count = socket.Receive(bytes.AsSpan(received));
            if (count == 0) return false;
            received += count;
        }

        return true;
    }
}
