using Engine.Runtime.Contract;
using Engine.Simulation.MuJoCo;

namespace Engine.Simulation.Tabletop;

/// <summary>One table with one arm: scene, controller, measures. A pure function of (spec, actions).</summary>
internal sealed class TabletopSimulation(SceneModelCache models) : IDisposable
{
    private readonly ArmController _controller = new();
    private readonly EpisodeTracker _tracker = new();
    private readonly float[] _pose = new float[7];
    private readonly float[] _from = new float[7];
    private readonly MujocoContact[] _contacts = new MujocoContact[160];
    private SceneModel? _scene;
    private MujocoData? _data;
    private double _startDistance, _startGap;
    private bool _reached;
    private int _stepLimit;

    public TabletopSnapshot Now { get; } = new();

    public SceneLook Look { get; private set; } = new();

    public EpisodeSpec? Spec { get; private set; }

    public bool Terminated { get; private set; }

    public bool Truncated { get; private set; }

    public SceneModel Scene => _scene ?? throw NotReset();

    public MujocoData Data => _data ?? throw NotReset();

    public void Reset(EpisodeSpec spec)
    {
        Spec = null;
        var layout = SceneSampler.Sample(spec);
        var scene = models.Get([.. layout.Objects.Select(item => item.Shape)]);
        if (!ReferenceEquals(scene, _scene))
        {
            _data?.Dispose();
            _data = null;
            _scene = scene;
            _data = new MujocoData(scene.Model);
        }

        var data = _data!;
        data.Reset();
        var positions = data.Qpos;
        for (int i = 0; i < layout.Objects.Length; i++)
        {
            var item = layout.Objects[i];
            var pose = positions.Slice(scene.Positions[i], 7);
            pose[0] = item.X;
            pose[1] = item.Y;
            pose[2] = item.Shape.RestHeight();
            pose[3] = Math.Cos(item.Yaw / 2);
            pose[4] = pose[5] = 0;
            pose[6] = Math.Sin(item.Yaw / 2);
        }

        Now.Resize(layout.Objects.Length);
        Now.Layout = layout;
        Now.Steps = 0;
        layout.Start.CopyTo(Now.Command, 0);
        Now.Command.AsSpan(3, 3).Clear();
        Now.Command[6] = 1;
        _controller.Place(scene, data, Now.Command);
        data.Forward();
        Observe();
        Look = LookOf(scene, layout);
        _startDistance = TaskGoal.Distance(Now, layout.Target);
        _startGap = TaskGoal.WayToGo(Now);
        _tracker.Begin(Now);
        _reached = TaskGoal.Reached(Now);
        _stepLimit = TaskFamily.Find(layout.Task).StepLimit;
        Terminated = Truncated = false;
        Spec = spec;
    }

    public void Step(ReadOnlySpan<float> action)
    {
        var scene = Scene;
        var data = Data;
        Now.Command.CopyTo(_from, 0);
        TabletopEmbodiment.Spec.Advance(Now.Command, action);
        _pose[6] = Now.Command[6];
        for (int tick = 1; tick <= ArmController.Ticks; tick++)
        {
            float part = tick / (float)ArmController.Ticks;
            for (int k = 0; k < 6; k++) _pose[k] = _from[k] + (Now.Command[k] - _from[k]) * part;
            _controller.Tick(scene, data, _pose);
            Observe();
            _tracker.Tick(Now);
        }

        Now.Steps++;
        _reached = TaskGoal.Reached(Now);
        _tracker.StepDone(_reached);
        Terminated = _reached;
        Truncated = !_reached && Now.Steps >= _stepLimit;
    }

    public float Progress() => TaskGoal.Progress(Now, _startDistance, _startGap);

    public EpisodeOutcome Outcome() => _tracker.Outcome(Now, _reached);

    /// <summary>State [8]: measured position of the fingertips, measured turn of the hand against home, commanded gripper.</summary>
    public void State(Span<float> state)
    {
        for (int k = 0; k < 3; k++) state[k] = (float)Now.Tip[k];
        Span<double> q = stackalloc double[4], home = [PandaChain.HomeQuaternion[0], -PandaChain.HomeQuaternion[1], -PandaChain.HomeQuaternion[2], -PandaChain.HomeQuaternion[3]];
        Quaternions.FromMatrix(Data.SiteRotation(Scene.Tip), q);
        Quaternions.Multiply(q, home, q);
        double sign = q[0] < 0 ? -1 : 1;
        for (int k = 0; k < 4; k++) state[3 + k] = (float)(sign * q[k]);
        state[7] = Now.Command[6];
    }

    public void Dispose() => _data?.Dispose();

    private static SceneLook LookOf(SceneModel scene, SceneLayout layout)
    {
        var geoms = new List<GeomLook>();
        for (int i = 0; i < layout.Objects.Length; i++)
        {
            var rgb = layout.Objects[i].Colour.Rgb();
            for (int g = 0; g < scene.Geoms[i].Length; g++)
            {
                // A plate's inner disc is darker, which tells it from a flat cylinder.
                var shade = layout.Objects[i].Shape == ObjectShape.Plate && g == 1 ? 0.72f * rgb : rgb;
                geoms.Add(new GeomLook(scene.Geoms[i][g], -1, shade.X, shade.Y, shade.Z));
            }
        }

        if (layout.Texture >= 0)
        {
            int texture = scene.Model.Id(MujocoObject.Texture, SceneMjcf.OtherTextures[layout.Texture]);
            geoms.Add(new GeomLook(scene.Table, texture, layout.Tint.X, layout.Tint.Y, layout.Tint.Z));
        }

        return new SceneLook
        {
            Geoms = [.. geoms],
            Light = layout.Light,
            Cameras = layout.FrontCamera == default
                ? []
                : [new CameraLook(scene.Front, layout.FrontCamera.Offset, layout.FrontCamera.Rotation, layout.FrontCamera.FieldOfView)],
        };
    }

    private static InvalidOperationException NotReset() => new("This environment has not been reset yet.");

    private void Observe()
    {
        var scene = Scene;
        var data = Data;
        data.SitePosition(scene.Tip).CopyTo(Now.Tip);
        var positions = data.Qpos;
        var velocities = data.Qvel;
        Now.Opening = positions[scene.FingerPosition] + positions[scene.FingerPosition + 1];
        for (int i = 0; i < scene.Bodies.Length; i++)
        {
            var pose = positions.Slice(scene.Positions[i], 7);
            pose[..3].CopyTo(Now.Positions.AsSpan(3 * i));
            Now.Yaws[i] = Quaternions.Yaw(pose[3..]);
            var v = velocities.Slice(scene.Velocities[i], 3);
            Now.Speeds[i] = Math.Sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        }

        Touches(scene, data);
    }

    private void Touches(SceneModel scene, MujocoData data)
    {
        Array.Clear(Now.Touched);
        Array.Clear(Now.Held);
        int count = data.Contacts(_contacts);
        uint left = 0, right = 0;
        for (int c = 0; c < count; c++)
        {
            ref readonly var contact = ref _contacts[c];
            if (contact.Force <= 0) continue;
            int item = scene.ObjectOfGeom[contact.Geom1] >= 0 ? scene.ObjectOfGeom[contact.Geom1] : scene.ObjectOfGeom[contact.Geom2];
            if (item < 0) continue;
            int other = scene.ObjectOfGeom[contact.Geom1] == item ? contact.Geom2 : contact.Geom1;
            if (other == scene.LeftPad) left |= 1u << item;
            if (other == scene.RightPad) right |= 1u << item;
        }

        for (int i = 0; i < Now.Touched.Length; i++)
        {
            Now.Touched[i] = ((left | right) >> i & 1) != 0;
            Now.Held[i] = ((left & right) >> i & 1) != 0;
        }
    }
}
