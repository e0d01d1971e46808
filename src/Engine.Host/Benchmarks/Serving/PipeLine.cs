using System.Diagnostics;
using System.Net.Sockets;
using Engine.Client;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>Round trips over the Unix-domain pipe beside a raw ping-pong of the same bytes, block by block in turns.</summary>
internal sealed class PipeLine : IServingLine
{
    private const int Block = 1000;

    public string Name => "pipe";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        using var server = await ServerProcess.StartAsync();
        using var client = PipeClient.ConnectUnix(server.UnixPath);
        Observations.Fill(client);
        int request = PipeHeader.Size + client.Layout.InstructionOffset + Observations.Instruction.Length, reply = PipeHeader.Size + client.Layout.ActionsBytes;
        using var raw = new RawPingPong(request, reply);
        var (ours, theirs) = (new List<Sample>(), new List<Sample>());
        for (int pair = -2; pair < run.Pairs; pair++)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            Sample a = new(Block), b = new(Block);
            for (int i = 0; i < Block; i++)
            {
                long start = Stopwatch.GetTimestamp();
                raw.Ask();
                a.Since(start);
            }

            for (int i = 0; i < Block; i++)
            {
                client.State[0] = i;
                long start = Stopwatch.GetTimestamp();
                float first = client.Step()[0];
                b.Since(start);
                if (first != i) throw new InvalidOperationException("another request's answer.");
            }

            if (pair < 0) continue;
            theirs.Add(a);
            ours.Add(b);
        }

        return
        [
            Bound.OfPairs("Unix-domain pipe, p50, µs", [.. ours.Select(s => s.P50)], [.. theirs.Select(s => s.P50)], "raw ping-pong of the same bytes", 1.5),
            Bound.OfPairs("Unix-domain pipe, p99, µs", [.. ours.Select(s => s.P99)], [.. theirs.Select(s => s.P99)], "raw ping-pong of the same bytes", 1.5),
        ];
    }

    /// <summary>A thread that receives so many bytes and sends so many back, over a Unix-domain socket.</summary>
    private sealed class RawPingPong : IDisposable
    {
        private readonly Socket _socket;
        private readonly byte[] _request, _reply;
        private readonly string _folder = Directory.CreateTempSubdirectory("engine-bench-").FullName;

        public RawPingPong(int request, int reply)
        {
            (_request, _reply) = (new byte[request], new byte[reply]);
            var path = new UnixDomainSocketEndPoint(Path.Combine(_folder, "raw"));
            var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(path);
            listener.Listen();
            new Thread(() => Serve(listener, request, reply)) { IsBackground = true }.Start();
            _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            _socket.Connect(path);
        }

        public void Ask()
        {
            Send(_socket, _request);
            Receive(_socket, _reply);
        }

        public void Dispose()
        {
            _socket.Dispose();
            Directory.Delete(_folder, recursive: true);
        }

        private static void Serve(Socket listener, int request, int reply)
        {
            using (listener)
            {
                using var socket = listener.Accept();
                byte[] received = new byte[request], sent = new byte[reply];
                while (Receive(socket, received)) Send(socket, sent);
            }
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
}
