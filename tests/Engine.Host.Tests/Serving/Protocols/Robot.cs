using System.Net.WebSockets;
using System.Text;
using Engine.Client;
using Engine.Host.Serving;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenVla;
using Engine.Host.Tests.Serving.Groot;
using Engine.Host.Tests.Serving.LeRobot;
using Engine.Host.Tests.Serving.Pipes;
using Engine.Runtime.Weights;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Protocols;

/// <summary>
/// A client of one protocol, in that protocol's own form, that can describe its observation as wrongly as a test wants. <see cref="AskAsync"/> gives the first
/// action, or throws <see cref="Refusal"/> with what the server said.
/// </summary>
internal abstract class Robot : IDisposable
{
    internal const string Prompt = "reach the red cube";

    internal static readonly string[] Names = ["openpi", "int-act", "openvla", "lerobot", "groot", "pipe"];

    /// <summary>The server says no.</summary>
    internal sealed class Refusal(string said) : Exception(said);

    /// <summary>An observation of the test contract; the state is <paramref name="First"/>, 1 … 7 unless <paramref name="State"/> says otherwise.</summary>
    internal sealed record Sight(float First = 0.5f, WireArray? Top = null, WireArray? State = null, string Text = Prompt, bool MissingCamera = false, bool ExtraCamera = false)
    {
        internal WireArray TopOrBlack => Top ?? new WireArray("|u1", [6, 8, 3], new byte[144]);

        internal WireArray StateOrCount => State ?? new WireArray("<f4", [8], GrootMessages.Bytes([First, 1, 2, 3, 4, 5, 6, 7]));
    }

    internal static Robot Connect(string protocol, PolicyServer server, Func<int, int>? port = null)
    {
        port ??= p => p;
        return protocol switch
        {
            "openpi" or "int-act" => new WebSocketRobot(port(server.Port), protocol == "int-act"),
            "openvla" => new OpenVlaRobot(port(server.Port)),
            "lerobot" => new LeRobotRobot(port(server.GrpcPort)),
            "groot" => new GrootRobot(port(server.ZmqPort)),
            _ => new PipeRobot(port(server.PipePort)),
        };
    }

    /// <summary>Sends the message of an observation and reads the answer; <paramref name="damage"/> has it first.</summary>
    internal abstract Task<float[]> AskAsync(Sight sight, Func<byte[], byte[]>? damage = null);

    public abstract void Dispose();

    private static MsgPackMap Map(Sight sight, bool intAct, Func<WireArray, object> array)
    {
        var map = new MsgPackMap();
        if (!sight.MissingCamera) map[intAct ? "observation.images.top" : "observation/top"] = array(sight.TopOrBlack);
        map[intAct ? "observation.images.wrist" : "observation/wrist"] = array(new WireArray("|u1", [4, 4, 3], new byte[48]));
        if (sight.ExtraCamera) map["observation/side"] = array(new WireArray("|u1", [2, 2, 3], new byte[12]));
        map[intAct ? "observation.state" : "observation/state"] = array(sight.StateOrCount);
        map[intAct ? "task" : "prompt"] = sight.Text;
        return map;
    }

    private static object?[] Shape(WireArray array) => Array.ConvertAll(array.Shape, n => (object?)n);

    private sealed class WebSocketRobot : Robot
    {
        private readonly ClientWebSocket _socket = new();
        private readonly bool _intAct;
        private readonly byte[] _buffer = new byte[1 << 16];

        internal WebSocketRobot(int port, bool intAct)
        {
            _intAct = intAct;
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            _socket.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/"), limit.Token).GetAwaiter().GetResult();
            ReceiveAsync().GetAwaiter().GetResult();
        }

        internal override async Task<float[]> AskAsync(Sight sight, Func<byte[], byte[]>? damage)
        {
            byte[] message = MsgPackWriter.ToBytes(Map(sight, _intAct, a => new MsgPackMap
            {
                [MsgPackMap.BinaryPrefix + "__ndarray__"] = true,
                [MsgPackMap.BinaryPrefix + "data"] = (ReadOnlyMemory<byte>)a.Data,
                [MsgPackMap.BinaryPrefix + "dtype"] = a.Dtype,
                [MsgPackMap.BinaryPrefix + "shape"] = Shape(a),
            }));
            await _socket.SendAsync(damage?.Invoke(message) ?? message, WebSocketMessageType.Binary, true, CancellationToken.None);
            var (kind, bytes) = await ReceiveAsync();
            if (kind == WebSocketMessageType.Text) throw new Refusal(Encoding.UTF8.GetString(bytes));
            object? reply = MsgPackReader.Read(bytes);
            return Assert.IsType<NumpyArray>(_intAct ? reply : Assert.IsType<MsgPackMap>(reply)["actions"]).ToSingles();
        }

        public override void Dispose() => _socket.Dispose();

        private async Task<(WebSocketMessageType, byte[])> ReceiveAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            for (int length = 0; ;)
            {
                var part = await _socket.ReceiveAsync(_buffer.AsMemory(length), limit.Token);
                length += part.Count;
                if (part.EndOfMessage) return (part.MessageType, _buffer[..length]);
            }
        }
    }

    private sealed class OpenVlaRobot(int port) : Robot
    {
        private readonly HttpClient _http = new() { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(60) };

        internal override async Task<float[]> AskAsync(Sight sight, Func<byte[], byte[]>? damage)
        {
            byte[] json = JsonNumpy.ToBytes(Map(sight, false, a => new MsgPackMap { ["__numpy__"] = Convert.ToBase64String(a.Data), ["dtype"] = a.Dtype, ["shape"] = Shape(a) }));
            using var body = new ByteArrayContent(damage?.Invoke(json) ?? json);
            using var response = await _http.PostAsync("/act", body);
            object? reply = JsonNumpy.Read(await response.Content.ReadAsByteArrayAsync());
            if (!response.IsSuccessStatusCode) throw new Refusal((string)((MsgPackMap)reply!)["error"]!);
            return Assert.IsType<NumpyArray>(reply).ToSingles();
        }

        public override void Dispose() => _http.Dispose();
    }

    private sealed class LeRobotRobot : Robot
    {
        private static readonly byte[] s_empty = RawGrpc.Framed([]);
        private readonly RawGrpc _client;

        internal LeRobotRobot(int port)
        {
            _client = new RawGrpc(port);
            _client.GoodAsync("Ready", s_empty).GetAwaiter().GetResult();
            _client.GoodAsync("SendPolicyInstructions", LeRobotMessages.Setup(LeRobotMessages.Config())).GetAwaiter().GetResult();
        }

        internal override async Task<float[]> AskAsync(Sight sight, Func<byte[], byte[]>? damage)
        {
            var top = sight.TopOrBlack;
            var change = new Dictionary<string, byte[]?>
            {
                ["front"] = sight.MissingCamera ? null : LeRobotMessages.Array(top.Dtype[1..], Array.ConvertAll(top.Shape, n => (int)n), top.Data, top.Dtype[..1], top.Fortran),
                ["task"] = LeRobotMessages.Text(sight.Text),
            };
            byte[] pickle = LeRobotMessages.Timed(sight.First, change: change);
            var (status, message, _) = await _client.CallAsync("SendObservations", LeRobotMessages.Chunk(3, damage?.Invoke(pickle) ?? pickle));
            byte[] reply = [];
            if (status == 0) (status, message, reply) = await _client.CallAsync("GetActions", s_empty);
            if (status != 0) throw new Refusal(message);
            int start = 5 + (reply[6] < 0x80 ? 2 : reply[7] < 0x80 ? 3 : 4);
            object?[] list = Assert.IsType<object?[]>(new PickleMessageReader($"{LeRobotMessages.Module}.TimedAction").Read(reply.AsMemory(start)));
            return [.. list.Cast<PickledObject>().SelectMany(a => ((NamedArray)a.Fields["action"]!).ToFloat32())];
        }

        public override void Dispose() => _client.Dispose();
    }

    private sealed class GrootRobot(int port) : Robot
    {
        private readonly RawZmtp _client = RawZmtp.Open(port);

        internal override Task<float[]> AskAsync(Sight sight, Func<byte[], byte[]>? damage)
        {
            var data = GrootMessages.Flat(sight.First);
            var top = sight.TopOrBlack;
            data["video.top"] = Packed(top);
            data = GrootMessages.Copy(data, e => !e.Key.StartsWith("state.", StringComparison.Ordinal));
            data["state.all"] = Packed(sight.StateOrCount);
            if (sight.MissingCamera) data = GrootMessages.Copy(data, e => e.Key != "video.top");
            if (sight.ExtraCamera) data["video.side"] = Packed(new WireArray("|u1", [2, 2, 3], new byte[12]));
            data["annotation.human.task_description"] = sight.Text;
            byte[] message = MsgPackWriter.ToBytes(new MsgPackMap { ["endpoint"] = "get_action", ["data"] = data });
            var reply = Assert.IsType<MsgPackMap>(_client.Call(damage?.Invoke(message) ?? message));
            if (reply.ContainsKey("error")) throw new Refusal((string)reply["error"]!);
            NamedArray[] parts = [.. reply.Select(part => Npy.Read((ReadOnlyMemory<byte>)((MsgPackMap)part.Value!)["as_npy"]!))];
            return Task.FromResult(Enumerable.Range(0, 3).SelectMany(row => parts.SelectMany(p => p.ToFloat32().Skip(row * p.Data.Length / 12).Take(p.Data.Length / 12))).ToArray());
        }

        public override void Dispose() => _client.Dispose();

        private static MsgPackMap Packed(WireArray a)
        {
            byte[] npy = GrootMessages.Npy(a.Dtype, $"({string.Join(", ", a.Shape)},)", a.Data);
            if (a.Fortran) "True "u8.CopyTo(npy.AsSpan(npy.AsSpan().IndexOf("False"u8)));
            return new MsgPackMap { ["__ndarray_class__"] = true, ["as_npy"] = (ReadOnlyMemory<byte>)npy };
        }
    }

    private sealed class PipeRobot(int port) : Robot
    {
        private readonly RawPipe _pipe = RawPipe.Connect(port).Hello();

        internal override Task<float[]> AskAsync(Sight sight, Func<byte[], byte[]>? damage)
        {
            byte[] record = _pipe.Record(sight.First, sight.Text);
            for (int i = 1; i < 8; i++) BitConverter.TryWriteBytes(record.AsSpan(_pipe.Layout.StateOffset + 4 * i), (float)i);
            sight.StateOrCount.Data.AsSpan(0, 32).CopyTo(record.AsSpan(_pipe.Layout.StateOffset));
            sight.TopOrBlack.Data.CopyTo(record.AsSpan(_pipe.Layout.Cameras[0].Offset));
            record = damage?.Invoke(record) ?? record;
            _pipe.Send(RawPipe.Frame(_pipe.Header(PipeKind.Observe, record.Length), record));
            var answer = _pipe.Receive();
            if (answer.Header.Kind == PipeKind.Error) throw new Refusal(Encoding.UTF8.GetString(answer.Payload));
            return Task.FromResult(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(answer.Payload.AsSpan(PipeLayout.RecordHead)).ToArray());
        }

        public override void Dispose() => _pipe.Dispose();
    }
}
