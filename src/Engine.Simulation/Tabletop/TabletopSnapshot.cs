namespace Engine.Simulation.Tabletop;

/// <summary>What the simulator knows about one environment and a policy does not: exact poses. For scripted experts, goals and tests.</summary>
public sealed class TabletopSnapshot
{
    /// <summary>The scene as it was at the start.</summary>
    public SceneLayout Layout { get; internal set; } = null!;

    /// <summary>Control steps taken.</summary>
    public int Steps { get; internal set; }

    /// <summary>Measured position of the fingertips' middle (m): x, y, z.</summary>
    public double[] Tip { get; } = new double[3];

    /// <summary>Commanded pose [7]: x, y, z (m), roll, pitch, yaw (rad), gripper (1 open, 0 closed).</summary>
    public float[] Command { get; } = new float[7];

    /// <summary>Distance (m) between the finger pads.</summary>
    public double Opening { get; internal set; }

    /// <summary>Positions of the objects' origins (m), [n, 3] flattened.</summary>
    public double[] Positions { get; internal set; } = [];

    /// <summary>Headings of the objects (rad), [n].</summary>
    public double[] Yaws { get; internal set; } = [];

    /// <summary>Speeds of the objects (m/s), [n].</summary>
    public double[] Speeds { get; internal set; } = [];

    /// <summary>Whether any finger touches each object, [n].</summary>
    public bool[] Touched { get; internal set; } = [];

    /// <summary>Whether both fingers touch each object, [n].</summary>
    public bool[] Held { get; internal set; } = [];

    /// <summary>Position of one object (m).</summary>
    public ReadOnlySpan<double> Position(int item) => Positions.AsSpan(3 * item, 3);

    /// <summary>Distance (m) in the plane of the table between the fingertips and an object.</summary>
    public double HorizontalDistance(int item) => double.Hypot(Positions[3 * item] - Tip[0], Positions[3 * item + 1] - Tip[1]);

    /// <summary>Distance (m) in the plane of the table between two objects' outlines.</summary>
    public double Gap(int first, int second) =>
        double.Hypot(Positions[3 * first] - Positions[3 * second], Positions[3 * first + 1] - Positions[3 * second + 1])
        - Layout.Objects[first].Shape.Radius() - Layout.Objects[second].Shape.Radius();

    /// <summary>How far (m) an object is above where it rests on the table.</summary>
    public double Lift(int item) => Positions[3 * item + 2] - Layout.Objects[item].Shape.RestHeight();

    internal void Resize(int objects)
    {
        if (Yaws.Length == objects) return;
        Positions = new double[3 * objects];
        Yaws = new double[objects];
        Speeds = new double[objects];
        Touched = new bool[objects];
        Held = new bool[objects];
    }
}
