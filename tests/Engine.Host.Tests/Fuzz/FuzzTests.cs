using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Engine.Client;
using Engine.Host.Serving;
using Engine.Host.Serving.LeRobot;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenPi;
using Engine.Host.Serving.OpenVla;
using Engine.Host.Serving.Pipes;
using Engine.Host.Serving.Recording;
using Engine.Host.Tests.Serving;
using Engine.Host.Tests.Serving.Groot;
using Engine.Host.Tests.Serving.LeRobot;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Host.Tests.Fuzz;

/// <summary>
/// Every reader of bytes from elsewhere, with damaged copies of good ones and with noise: it gives a value or the exception that it promises, and asks for no more
/// memory than is stated here. Inputs are numbered and the same everywhere. <c>ENGINE_FUZZ_SECONDS=60</c> goes on for that long per reader, from number
/// <c>ENGINE_FUZZ_FROM</c> on, and says on standard error how many it was.
/// </summary>
public sealed class FuzzTests
{
    private const int Ordinary = 4000;

    private static readonly PipeLayout s_layout = PipeLayout.Create([("top", 6, 8)], 8, 64, 3, 7, 2, 10);

    /// <summary>A reader: bytes that it accepts, what it does, the exception it promises, the most bytes that one input may have it allocate.</summary>
    private sealed record Target(string Name, byte[][] Good, Action<byte[]> Read, Type Promised, long MostBytes = 1 << 20);

    public static TheoryData<string> Readers => [.. Targets().Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Readers))]
    public void Gives_a_value_or_the_promised_error(string reader)
    {
        var target = Targets().Single(t => t.Name == reader);
        foreach (byte[] good in target.Good) target.Read([.. good]);
        double seconds = double.TryParse(Environment.GetEnvironmentVariable("ENGINE_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out double s) ? s : 0;
        long first = long.TryParse(Environment.GetEnvironmentVariable("ENGINE_FUZZ_FROM"), out long from) ? from : 0;
        long refused = 0, most = 0, number = first;
        var clock = Stopwatch.StartNew();
        for (; seconds > 0 ? clock.Elapsed.TotalSeconds < seconds : number < first + Ordinary; number++)
        {
            byte[] input = Input(target, number);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                target.Read(input);
            }
            catch (Exception error) when (error.GetType() == target.Promised)
            {
                refused++;
                Assert.InRange(error.Message.Length, 1, 2000);
            }
            catch (Exception error)
            {
                Assert.Fail($"input {number} of '{reader}' ({Convert.ToHexString(input.AsSpan(0, Math.Min(input.Length, 200)))}): {error}");
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            most = Math.Max(most, allocated);
            Assert.True(allocated <= target.MostBytes + 8L * input.Length, $"input {number} of '{reader}' allocated {allocated} bytes");
        }

        Assert.InRange(refused, 1, number - first);
        if (seconds > 0)
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{reader}: {number - first} inputs, {refused} refused, at most {most >> 10} KiB asked for by one"));
    }

    private static byte[] Input(Target target, long number)
    {
        var random = new PhiloxRandom(new PhiloxKey(41, 900, (uint)number, (uint)(number >> 32)));
        if (random.NextInt(8) != 0) return Damage.Of(target.Good[random.NextInt(target.Good.Length)], random);
        byte[] noise = new byte[random.NextInt(300)];
        for (int i = 0; i < noise.Length; i++) noise[i] = (byte)random.NextWord();
        return noise;
    }

    private static byte[][] Golden(params string[] files) => Array.ConvertAll(files, file => File.ReadAllBytes(GoldenMessages.Path(file)));

    private static IEnumerable<Target> Targets()
    {
        byte[] observation = MsgPackWriter.ToBytes(ServingFixtures.Observation());
        yield return new Target(
            "msgpack", [.. Golden("nested.msgpack", "dtypes.msgpack", "np_scalars.msgpack", "string_array.msgpack", "actions.msgpack"), observation],
            bytes => MsgPackWriter.ToBytes(MsgPackReader.Read(bytes, new MsgPackLimits { StringKeyArrays = bytes.Length % 2 == 0 })), typeof(MsgPackException), 4 << 20);

        var reader = new ObservationReader(ServingFixtures.Contract, ServingFixtures.Options);
        yield return new Target("observation", [observation], bytes =>
        {
            object? value;
            try
            {
                value = MsgPackReader.Read(bytes);
            }
            catch (MsgPackException error)
            {
                throw new ObservationException(error.Message);
            }

            reader.Read(value as MsgPackMap ?? throw new ObservationException("no map"));
        }, typeof(ObservationException), 4 << 20);

        byte[][] frames =
        [
            [.. Frame(FrameKind.Binary, true, observation), .. Frame(FrameKind.Close, true, [3, 232])],
            [.. Frame(FrameKind.Text, false, [1, 2]), .. Frame(FrameKind.Ping, true, [3]), .. Frame(FrameKind.Continuation, true, new byte[200]), .. Frame(FrameKind.Close, true, [])],
        ];
        yield return new Target("WebSocket frames", frames, bytes =>
        {
            var (socket, client) = Serving.SocketChannelTests.Pair();
            using var channel = new SocketChannel(socket, 1 << 16, TimeSpan.FromSeconds(60));
            using (client)
            {
                client.Write(bytes);
                client.Socket.Shutdown(SocketShutdown.Send);
                try
                {
                    while (channel.ReceiveAsync().AsTask().GetAwaiter().GetResult() != WebSocketMessageType.Close)
                    {
                    }
                }
                catch (MessageTooBigException)
                {
                    channel.DrainAsync(default).GetAwaiter().GetResult();
                }
            }
        }, typeof(WebSocketException));

        yield return new Target(
            "json_numpy", Golden("openvla_request.json", "openvla_request_double_encoded.json", "openvla_response.json", "json_dtypes.json"),
            bytes => JsonNumpy.ToBytes(JsonNumpy.Read(bytes)), typeof(MsgPackException), 4 << 20);

        yield return new Target("pipe frames", PipeFrames(), bytes =>
        {
            if (bytes.Length < PipeHeader.Size) throw new InvalidDataException("short");
            if (PipeFraming.Check(bytes.AsSpan(0, PipeHeader.Size), welcomed: bytes.Length % 2 == 0, s_layout, out var header) is { } fault) throw new InvalidDataException(fault.Message);
            Assert.True(header.Length <= Math.Max(s_layout.ObservationBytes, PipeHello.Head + PipeHello.MaxTokenBytes));
            PipeHello.TryRead(bytes.AsSpan(PipeHeader.Size), out _, out _, out _);
        }, typeof(InvalidDataException));

        yield return new Target(
            "pipe welcome", [s_layout.ToWelcome("{}"u8, 4096)], bytes => PipeLayout.FromWelcome(bytes, out _, out _), typeof(InvalidDataException));

        yield return new Target(
            "npy", [GrootMessages.Npy("<f4", "(2, 3)", new byte[24]), GrootMessages.Npy("|u1", "(1, 4, 4, 3)", new byte[48]), GrootMessages.Npy(">i8", "()", new byte[8])],
            bytes => Npy.Read(bytes), typeof(InvalidDataException));

        byte[][] pickles = [LeRobotMessages.Timed(), LeRobotMessages.Config()];
        yield return new Target(
            "pickle", pickles, bytes => new PickleMessageReader($"{LeRobotMessages.Module}.TimedObservation", $"{LeRobotMessages.Module}.RemotePolicyConfig").Read(bytes),
            typeof(InvalidDataException), 4 << 20);

        yield return new Target(
            "proto3", [LeRobotMessages.Chunk(3, pickles[0])[5..], LeRobotMessages.Setup(pickles[1])[5..]], bytes =>
            {
                LeRobotProto.ReadObservation(bytes);
                LeRobotProto.ReadSetup(bytes);
            }, typeof(GrpcException));

        yield return new Target("journal", [Journal()], bytes =>
        {
            if (JournalReader.Read(new MemoryStream(bytes), ServingFixtures.Contract) is null) throw new InvalidDataException("no episode");
        }, typeof(InvalidDataException), 4 << 20);

        foreach (var (kind, names) in new[]
        {
            ("safetensors", new[] { "ok_small.safetensors", "ok_dtypes.safetensors", "ok_header_order.safetensors" }),
            ("torch checkpoint", ["f32.pt", "dtypes.pt", "views.pt", "legacy.pt", "parameters.pt", "plain_values.pt"]),
            ("npz", ["f32.pt.expected.npz", "dtypes.pt.expected.npz"]),
        })
        {
            string folder = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
            yield return new Target(kind, Array.ConvertAll(names, name => File.ReadAllBytes(Path.Combine(Engine.Tests.Shared.Golden.Path("checkpoints"), name))), bytes =>
            {
                string path = Path.Combine(folder, $"engine-fuzz-{Environment.ProcessId}-{Environment.CurrentManagedThreadId}{Path.GetExtension(names[0])}");
                File.WriteAllBytes(path, bytes);
                try
                {
                    WeightFile.Read(path);
                }
                finally
                {
                    File.Delete(path);
                }
            }, typeof(InvalidDataException), 96 << 20);
        }
    }

    private static byte[] Frame(FrameKind kind, bool final, byte[] payload) => Serving.SocketChannelTests.Frame(kind, final, payload, 0x12345678);

    private static byte[][] PipeFrames()
    {
        byte[] hello = PipeHello.ToBytes(true, 100, "correct horse"u8);
        return
        [
            Serving.Pipes.RawPipe.Frame(new PipeHeader { Kind = PipeKind.Hello, Length = (uint)hello.Length }, hello),
            Serving.Pipes.RawPipe.Frame(new PipeHeader { Kind = PipeKind.Observe, Length = 100, Sequence = 3, Session = 1, Deadline = 7 }, new byte[100]),
            Serving.Pipes.RawPipe.Frame(new PipeHeader { Kind = PipeKind.Reset, Sequence = 4, Session = 1 }, []),
        ];
    }

    private static byte[] Journal()
    {
        var layout = new JournalLayout(ServingFixtures.Contract);
        byte[] Record(uint kind, byte[] payload)
        {
            byte[] record = [.. new byte[JournalLayout.RecordHead], .. payload];
            JournalLayout.WriteHead(kind, record);
            return record;
        }

        byte[] header = new byte[JournalLayout.HeaderBytes];
        layout.WriteHeader(header);
        byte[] step = Record(JournalLayout.Step, new byte[layout.StepBytes]);
        return [.. header, .. Record(JournalLayout.Instruction, Encoding.UTF8.GetBytes("reach")), .. step, .. step, .. step, .. Record(JournalLayout.End, [2])];
    }
}
