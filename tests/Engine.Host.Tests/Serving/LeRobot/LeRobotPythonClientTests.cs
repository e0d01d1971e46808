using Engine.Host.Serving;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.LeRobot;

/// <summary>The real grpc, pickle, numpy and torch as a client, with classes like LeRobot's; skipped where Python has them not.</summary>
public sealed class LeRobotPythonClientTests
{
    private const string Program = """
        import pickle, sys, types
        from dataclasses import dataclass, field
        import grpc, numpy as np, torch
        helpers = types.ModuleType("lerobot.async_inference.helpers")
        for name in ("lerobot", "lerobot.async_inference"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules[helpers.__name__] = helpers
        def lives_there(c):
            c.__module__ = helpers.__name__
            setattr(helpers, c.__name__, c)
            return c
        @lives_there
        @dataclass
        class TimedAction:
            timestamp: float
            timestep: int
            action: object
        @lives_there
        @dataclass
        class TimedObservation:
            timestamp: float
            timestep: int
            observation: dict
            must_go: bool = False
        @lives_there
        @dataclass
        class RemotePolicyConfig:
            policy_type: str
            pretrained_name_or_path: str
            lerobot_features: dict
            actions_per_chunk: int
            device: str = "cpu"
            rename_map: dict = field(default_factory=dict)
        def varint(n):
            out = b""
            while n > 127:
                out, n = out + bytes([n & 127 | 128]), n >> 7
            return out + bytes([n])
        def tagged(tag, data):
            return bytes([tag]) + varint(len(data)) + data
        channel = grpc.insecure_channel("127.0.0.1:" + sys.argv[1])
        service = "/transport.AsyncInference/"
        ready, instruct, get = (channel.unary_unary(service + m) for m in ("Ready", "SendPolicyInstructions", "GetActions"))
        send = channel.stream_unary(service + "SendObservations")
        def offer(o, protocol=None):
            data = pickle.dumps(o, protocol)
            size = 1000
            parts = [data[i:i + size] for i in range(0, len(data), size)]
            states = [2] * len(parts)
            states[0], states[-1] = 1, 3
            return send(iter([bytes([8, s]) + tagged(0x12, p) for s, p in zip(states, parts)]))
        assert ready(b"") == b""
        names = ["m%d.pos" % i for i in range(8)]
        features = {"observation.state": {"dtype": "float32", "shape": (8,), "names": names}}
        for camera in ("front", "wrist"):
            features["observation.images." + camera] = {"dtype": "image", "shape": (6, 8, 3), "names": ["height", "width", "channels"], "info": {"is_depth_map": False}}
        config = RemotePolicyConfig("act", "echo", features, 50, "cpu", {"observation.images.front": "observation.images.top"})
        assert instruct(tagged(0x0A, pickle.dumps(config))) == b""
        for protocol in (2, 4, 5):
            raw = {n: float(i) for i, n in enumerate(names)}
            raw.update({"m1.pos": np.float32(1.5), "m2.pos": torch.tensor(2.5), "task": "reach", "front": np.zeros((6, 8, 3), np.uint8), "wrist": np.asfortranarray(np.zeros((9, 5, 3), np.uint8))})
            offer(TimedObservation(100.0, 7, raw, True), protocol)
            reply = get(b"")
            assert reply[0] == 0x0A
            actions = pickle.loads(reply[3 if reply[2] < 128 else 4:])
            assert [a.timestep for a in actions] == [7, 8, 9] and abs(actions[2].timestamp - 100.2) < 1e-9
            assert all(isinstance(a, TimedAction) and a.action.tolist() == [0, 1.5, 2.5, 3, 4, 5, 6] and a.action.dtype == torch.float32 for a in actions)
        class Evil:
            def __reduce__(self):
                return print, ("never",)
        for bad in (Evil(), {"a": 1}, np.array(["text"])):
            try:
                offer(bad)
                assert False, "accepted"
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        offer(TimedObservation(100.0, 20, raw, False))
        assert len(get(b"")) > 100
        print("all good")
        """;

    [Fact]
    public async Task Grpc_pickle_and_torch_are_served()
    {
        await using var server = await PolicyServer.StartAsync(BuiltInPolicies.Create("echo", Contract), Options with { GrpcPort = 0 });
        string output = await PythonProgram.RunAsync(["grpc", "numpy", "torch"], Program, $"{server.GrpcPort}");
        Assert.Contains("all good", output);
        Assert.DoesNotContain("never", output);
    }
}
