using System.Globalization;
using System.Net.WebSockets;
using System.Runtime.InteropServices;
using Engine.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenVla;
using Engine.Host.Tests.Commands;
using Engine.Host.Tests.Evaluation;
using Engine.Host.Tests.Serving.Groot;
using Engine.Host.Tests.Serving.LeRobot;
using Engine.Runtime.Weights;
using static Engine.Host.Tests.Serving.LeRobot.LeRobotMessages;

namespace Engine.Host.Tests.Serving.Protocols;

/// <summary>
/// <c>serve --policy FOLDER</c> as a process: the clients of every protocol, each with that protocol's own names, ask one policy at once and get the
/// same actions for the same sight.
/// </summary>
public sealed class OneServerTests : IDisposable
{
    private const string Prompt = "reach the red cube";

    private static readonly float[] s_state = [0.1f, -0.2f, 0.3f, 1, 0, 0, 0, 1];

    private readonly string _root = Directory.CreateTempSubdirectory("one").FullName;

    private readonly byte[] _image = [.. Enumerable.Range(0, 64 * 64 * 3).Select(i => (byte)(i * 7 / 3))];

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Clients_of_all_protocols_at_once_get_the_same_actions()
    {
        string folder = UntrainedPolicy.Write(Path.Combine(_root, "policy"), 3), path = Path.Combine(_root, "s");
        string[] arguments = ["serve", "--policy", folder, "--port", "0", "--grpc-port", "0", "--zmq-port", "0", "--pipe-port", "0", "--unix", path, "--shared-memory"];
        using var program = new ProgramProcess(arguments);
        string ready = (await program.ReadLineAsync())!;
        int Port(string name) => int.Parse(ready.Split(' ').Single(word => word.StartsWith(name, StringComparison.Ordinal))[name.Length..], CultureInfo.InvariantCulture);
        int http = new Uri(ready.Split(' ')[1]).Port;

        var clients = new (string Name, Func<Task<float[]>> Ask)[]
        {
            ("openpi", await WebSocketAsync(http, "observation/image", "observation/state", "prompt")),
            ("INT-ACT", await WebSocketAsync(http, "observation.images.top", "observation.state", "task")),
            ("OpenVLA", OpenVla(http, state: true)),
            ("LeRobot", await LeRobotAsync(Port("grpc_port="))),
            ("GR00T", Groot(Port("zmq_port="))),
            ("pipe", Pipe(PipeClient.ConnectTcp("127.0.0.1", Port("pipe_port=")))),
            ("shared memory", Pipe(PipeClient.ConnectUnix(path, new PipeClientOptions { SharedMemory = true }))),
        };
        float[] expected = await clients[0].Ask();
        Assert.Equal(7, expected.Length);
        Assert.Contains(expected, action => action != 0);
        await Task.WhenAll(clients.Select(client => Task.Run(async () =>
        {
            for (int i = 0; i < 10; i++)
            {
                float[] actions = await client.Ask();
                Assert.True(expected.AsSpan().SequenceEqual(actions), $"{client.Name} got {string.Join(' ', actions)} instead of {string.Join(' ', expected)}");
            }
        })));

        // OpenVLA's own client knows an image and an instruction; its state is hidden, as in training.
        Assert.Equal(7, (await OpenVla(http, state: false)()).Length);
        program.Signal("TERM");
        Assert.Equal(0, (await program.EndAsync()).Status);
    }

    private async Task<Func<Task<float[]>>> WebSocketAsync(int port, string image, string state, string prompt)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/"), CancellationToken.None);
        byte[] buffer = new byte[1 << 20];
        await ReceiveAsync();
        byte[] message = MsgPackWriter.ToBytes(new MsgPackMap { [image] = NumpyArray.From(_image, 64, 64, 3), [state] = NumpyArray.From(s_state, 8), [prompt] = Prompt });
        return async () =>
        {
            await socket.SendAsync(message, WebSocketMessageType.Binary, true, CancellationToken.None);
            object? reply = MsgPackReader.Read(await ReceiveAsync());
            return ((NumpyArray)(reply is MsgPackMap map ? map["actions"] : reply)!).ToSingles();
        };

        async Task<byte[]> ReceiveAsync()
        {
            for (int length = 0; ;)
            {
                var part = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                length += part.Count;
                if (!part.EndOfMessage) continue;
                Assert.Equal(WebSocketMessageType.Binary, part.MessageType);
                return buffer[..length];
            }
        }
    }

    private Func<Task<float[]>> OpenVla(int port, bool state)
    {
        var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        var request = new MsgPackMap { ["image"] = NumpyArray.From(_image, 64, 64, 3), ["instruction"] = Prompt, ["unnorm_key"] = "bridge_orig" };
        if (state) request["state"] = NumpyArray.From(s_state, 8);
        byte[] json = JsonNumpy.ToBytes(request);
        return async () =>
        {
            using var response = await http.PostAsync("/act", new ByteArrayContent(json));
            byte[] reply = await response.Content.ReadAsByteArrayAsync();
            Assert.True(response.IsSuccessStatusCode, System.Text.Encoding.UTF8.GetString(reply));
            return ((NumpyArray)JsonNumpy.Read(reply)!).ToSingles();
        };
    }

    private async Task<Func<Task<float[]>>> LeRobotAsync(int port)
    {
        var client = new RawGrpc(port);
        byte[] empty = RawGrpc.Framed([]);
        await client.GoodAsync("Ready", empty);
        await client.GoodAsync("SendPolicyInstructions", Setup(Pickle(Instance(Module, "RemotePolicyConfig", Dictionary(
            ("policy_type", Text("act")),
            ("pretrained_name_or_path", Text("untrained-3")),
            ("lerobot_features", Dictionary(
                ("observation.state", Dictionary(("dtype", Text("float32")), ("shape", Tuple(8)), ("names", List([.. Enumerable.Range(0, 8).Select(i => Text($"m{i}.pos"))])))),
                ("observation.images.front", Dictionary(("dtype", Text("video")), ("shape", Tuple(64, 64, 3)))))),
            ("actions_per_chunk", Integer(50)),
            ("device", Text("cpu")))))));
        (string, byte[])[] motors = [.. s_state.Select((value, i) => ($"m{i}.pos", Float(value)))];
        return async () =>
        {
            byte[] observation = Pickle(Instance(Module, "TimedObservation", Dictionary(
                ("timestamp", Float(100)), ("timestep", Integer(0)), ("must_go", Flag(true)),
                ("observation", Dictionary([.. motors, ("front", Array("u1", [64, 64, 3], _image)), ("task", Text(Prompt))])))));
            await client.GoodAsync("SendObservations", Chunk(3, observation));
            byte[] reply = await client.GoodAsync("GetActions", empty);
            int start = reply[1] < 0x80 ? 2 : reply[2] < 0x80 ? 3 : 4;
            object?[] list = (object?[])new PickleMessageReader($"{Module}.TimedAction").Read(reply.AsMemory(start))!;
            return ((NamedArray)((PickledObject)list.Single()!).Fields["action"]!).ToFloat32();
        };
    }

    private Func<Task<float[]>> Groot(int port)
    {
        var client = RawZmtp.Open(port);
        byte[] message = MsgPackWriter.ToBytes(new MsgPackMap
        {
            ["endpoint"] = "get_action",
            ["data"] = new MsgPackMap
            {
                ["video.ego_view"] = GrootMessages.Array("|u1", "(1, 64, 64, 3)", _image),
                ["state.all"] = GrootMessages.Array("<f4", "(1, 8)", MemoryMarshal.AsBytes<float>(s_state).ToArray()),
                ["annotation.human.task_description"] = new object?[] { Prompt },
            },
        });
        return () =>
        {
            var reply = Assert.IsType<MsgPackMap>(client.Call(message));
            return Task.FromResult(reply.SelectMany(part => Npy.Read((ReadOnlyMemory<byte>)((MsgPackMap)part.Value!)["as_npy"]!).ToFloat32()).ToArray());
        };
    }

    private Func<Task<float[]>> Pipe(PipeClient client)
    {
        client.Instruction = Prompt;
        return () =>
        {
            _image.CopyTo(client.Image("front"));
            s_state.CopyTo(client.State);
            return Task.FromResult(client.Step().ToArray());
        };
    }
}
