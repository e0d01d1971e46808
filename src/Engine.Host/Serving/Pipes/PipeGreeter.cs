using System.Net;
using System.Net.Sockets;
using System.Text;
using Engine.Client;
using Engine.Client.Interop;
using Engine.Host.Serving.SharedMemory;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Host.Serving.Pipes;

/// <summary>Judges hellos and sends welcomes.</summary>
internal sealed class PipeGreeter(PolicyContract contract, ServeOptions options, bool sharedMemory)
{
    private const int SendMilliseconds = 10_000;

    private readonly byte[] _contract = Encoding.UTF8.GetBytes(JsonFile.ToText(contract));
    private readonly AccessToken _token = new(options.Token);

    /// <summary>Answers a hello; gives the session's ring where the client wants one.</summary>
    /// <exception cref="PipeFaultException">The client may not come in.</exception>
    internal RingServer? Welcome(Socket socket, ReadOnlySpan<byte> hello, PipeSession session, PipeLayout layout, ServeOptions serving)
    {
        if (!PipeHello.TryRead(hello, out bool wantsRing, out int spin, out var token))
            throw new PipeFaultException(PipeErrorCode.Malformed, "the hello contradicts itself", closes: true);
        bool unix = socket.AddressFamily == AddressFamily.Unix;
        if (!unix) CheckPeer(socket, token);
        if (wantsRing && !(unix && sharedMemory))
        {
            throw new PipeFaultException(
                PipeErrorCode.Unavailable, unix ? "this server does not offer shared memory; start it with --shared-memory" : "shared memory goes with the Unix-domain socket only", closes: true);
        }

        var ring = wantsRing ? new RingServer(RingLayout.For(layout), layout, session, serving, spin) : null;
        try
        {
            byte[] welcome = layout.ToWelcome(_contract, ring?.Bytes ?? 0);
            byte[] frame = new byte[PipeHeader.Size + welcome.Length];
            new PipeHeader { Kind = PipeKind.Welcome, Length = (uint)welcome.Length, Session = session.Number, Time = MonotonicClock.Nanoseconds }.Write(frame);
            welcome.CopyTo(frame, PipeHeader.Size);
            var rest = frame.AsSpan();
            if (ring is not null) rest = rest[DescriptorPassing.Send(socket, rest, ring.Descriptor)..];

            // A few kilobytes into an empty socket: this waits only for a client that makes it wait.
            socket.SendTimeout = SendMilliseconds;
            while (!rest.IsEmpty) rest = rest[socket.Send(rest)..];
            ring?.Start();
            return ring;
        }
        catch
        {
            ring?.Dispose();
            throw;
        }
    }

    private void CheckPeer(Socket socket, ReadOnlySpan<byte> token)
    {
        if (!_token.Required)
        {
            if (socket.RemoteEndPoint is IPEndPoint { Address: var address } && IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address)) return;
            throw new PipeFaultException(PipeErrorCode.Unauthorised, "a server without a token takes pipes from its own machine only", closes: true);
        }

        if (!_token.Admits(token))
            throw new PipeFaultException(PipeErrorCode.Unauthorised, "the server's token is missing or wrong", closes: true);
    }
}
