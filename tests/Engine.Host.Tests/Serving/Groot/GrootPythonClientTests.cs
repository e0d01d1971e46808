using Engine.Host.Serving;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Groot;

/// <summary>The real libzmq, msgpack and numpy as a client; skipped where Python has them not.</summary>
public sealed class GrootPythonClientTests
{
    private const string Program = """
        import io, sys, time, msgpack, numpy as np, zmq
        def encode(o):
            if isinstance(o, np.ndarray):
                b = io.BytesIO()
                np.save(b, o, allow_pickle=False)
                return {"__ndarray_class__": True, "as_npy": b.getvalue()}
            return o
        def decode(o):
            return np.load(io.BytesIO(o["as_npy"]), allow_pickle=False) if "__ndarray_class__" in o else o
        socket = zmq.Context().socket(zmq.REQ)
        socket.setsockopt(zmq.RCVTIMEO, 60000)
        socket.setsockopt(zmq.HEARTBEAT_IVL, 50)
        socket.connect("tcp://127.0.0.1:" + sys.argv[1])
        def call(endpoint, data=None):
            socket.send(msgpack.packb({"endpoint": endpoint, "data": data}, default=encode))
            return msgpack.unpackb(socket.recv(), object_hook=decode)
        assert call("ping")["status"] == "ok"
        top, wrist = np.zeros((1, 6, 8, 3), np.uint8), np.asfortranarray(np.zeros((1, 9, 5, 3), np.uint8))
        flat = {"video.top": top, "video.wrist": wrist, "state.pose": np.arange(7.0)[None], "state.gripper": np.array([[7.0]], ">f4"), "annotation.human.task_description": ["reach"]}
        for _ in range(20):
            actions = call("get_action", flat)
            assert actions["action.arm"].shape == (3, 6) and actions["action.arm"].dtype == np.float32 and actions["action.gripper"][2, 0] == 6, actions
        time.sleep(0.3)
        nested = {"video": {"top": top[None], "wrist": wrist[None]}, "state": {"all": np.arange(8, dtype=np.float32)[None, None]}, "language": {"task": [["reach"]]}}
        actions, information = call("get_action", {"observation": nested, "options": None})
        assert actions["arm"].shape == (1, 3, 6) and information == {}
        assert "state" in call("get_action", {"video.top": top, "video.wrist": wrist, "task": "reach"})["error"]
        assert call("get_modality_config")["action"]["as_dict"]["modality_keys"] == ["arm", "gripper"]
        print("all good")
        """;

    [Fact]
    public async Task Libzmq_is_served()
    {
        await using var server = await PolicyServer.StartAsync(
            BuiltInPolicies.Create("echo", Contract), Options with { ZmqPort = 0, GrootAction = "arm:6,gripper", GrootState = "pose:7,gripper" });
        Assert.Contains("all good", await PythonProgram.RunAsync(["zmq", "msgpack", "numpy"], Program, $"{server.ZmqPort}"));
    }
}
