using Engine.Simulation.MuJoCo;

namespace Engine.Simulation.Tabletop;

/// <summary>A compiled scene for one ordered set of shapes, with the addresses that a simulation needs. Immutable, shared.</summary>
internal sealed class SceneModel : IDisposable
{
    public SceneModel(ReadOnlySpan<ObjectShape> shapes, bool shadows)
    {
        Shapes = shapes.ToArray();
        Model = new MujocoModel(SceneMjcf.Build(shapes, shadows));
        Tip = Model.Id(MujocoObject.Site, "tip");
        Table = Model.Id(MujocoObject.Geom, "table");
        LeftPad = Model.Id(MujocoObject.Geom, "left_finger_pad");
        RightPad = Model.Id(MujocoObject.Geom, "right_finger_pad");
        Front = Model.Id(MujocoObject.Camera, "front");
        Wrist = Model.Id(MujocoObject.Camera, "wrist");
        ArmPosition = Model.JointAddress("joint1").Position;
        ArmVelocity = Model.JointAddress("joint1").Velocity;
        FingerPosition = Model.JointAddress("left_finger").Position;
        PlainTexture = Model.Id(MujocoObject.Texture, SceneMjcf.PlainTexture);
        Bodies = new int[shapes.Length];
        Positions = new int[shapes.Length];
        Velocities = new int[shapes.Length];
        Geoms = new int[shapes.Length][];
        ObjectOfGeom = new int[Model.GeomCount];
        Array.Fill(ObjectOfGeom, -1);
        for (int i = 0; i < shapes.Length; i++)
        {
            Bodies[i] = Model.Id(MujocoObject.Body, $"object{i}");
            (Positions[i], Velocities[i]) = Model.JointAddress($"object{i}");
            Geoms[i] = new int[shapes[i].GeomCount()];
            for (int g = 0; g < Geoms[i].Length; g++)
            {
                Geoms[i][g] = Model.Id(MujocoObject.Geom, $"object{i}_{g}");
                ObjectOfGeom[Geoms[i][g]] = i;
            }
        }
    }

    public MujocoModel Model { get; }

    public ObjectShape[] Shapes { get; }

    public int Tip { get; }

    public int Table { get; }

    public int LeftPad { get; }

    public int RightPad { get; }

    public int Front { get; }

    public int Wrist { get; }

    public int ArmPosition { get; }

    public int ArmVelocity { get; }

    public int FingerPosition { get; }

    public int PlainTexture { get; }

    /// <summary>Body of each object.</summary>
    public int[] Bodies { get; }

    /// <summary>Where each object's pose (x, y, z, quaternion) begins in the position vector.</summary>
    public int[] Positions { get; }

    /// <summary>Where each object's velocity begins in the velocity vector.</summary>
    public int[] Velocities { get; }

    /// <summary>Geoms of each object.</summary>
    public int[][] Geoms { get; }

    /// <summary>The object that a geom belongs to, or −1.</summary>
    public int[] ObjectOfGeom { get; }

    public void Dispose() => Model.Dispose();
}
