namespace Engine.Simulation.Tabletop;

/// <summary>
/// Solves every family from exact poses, one control step at a time. A function of the snapshot and of a small memory per episode:
/// it recovers from noise, because it looks at where things are and not at what it had planned.
/// </summary>
public static class ScriptedExpert
{
    private const double Above = 0.078;

    /// <summary>The next action [7], within the step limits.</summary>
    /// <param name="now">The environment.</param>
    /// <param name="memory">The episode's memory, <c>default</c> at its start.</param>
    /// <param name="action">Destination: Δx, Δy, Δz (m), Δroll, Δpitch, Δyaw (rad), gripper (1 open, 0 closed).</param>
    /// <param name="target">The object to go for in place of the named one, or −1.</param>
    /// <param name="biasX">An error (m) in x that the expert makes about where the object is.</param>
    /// <param name="biasY">An error (m) in y.</param>
    /// <param name="biasZ">An error (m) in z.</param>
    public static void Act(
        TabletopSnapshot now, ref ExpertMemory memory, Span<float> action, int target = -1, double biasX = 0, double biasY = 0, double biasZ = 0)
    {
        action[..7].Clear();
        action[6] = 1;
        var layout = now.Layout;
        int x = target < 0 ? layout.Target : target;
        var aim = new Aim(now.Positions[3 * x] + biasX, now.Positions[3 * x + 1] + biasY, biasZ);
        switch (layout.Task)
        {
            case "reach":
                Reach(now, aim, action);
                break;
            case "push":
                Push(now, ref memory, x, Destination(layout, x), aim, action);
                break;
            case "pick":
                if (Grasped(now, ref memory, x, aim, action)) Go(now, now.Command[0], now.Command[1], now.Command[2] + 0.035, action);
                break;
            case "put":
                Put(now, ref memory, x, Destination(layout, x), aim, action);
                break;
            default:
                throw new InvalidOperationException($"The expert does not know the task '{layout.Task}'.");
        }
    }

    // When the expert goes for another object than the named one, that one must still have somewhere to go.
    private static int Destination(SceneLayout layout, int x) => x == layout.Destination ? layout.Target : layout.Destination;

    private static void Reach(TabletopSnapshot now, Aim aim, Span<float> action)
    {
        double distance = double.Hypot(aim.X - now.Command[0], aim.Y - now.Command[1]);
        double z = distance < 0.05 ? 0.042 : Math.Max(Above, now.Command[2] - 0.03);
        Go(now, aim.X, aim.Y, z + aim.Z, action);
    }

    /// <summary>Goes to an object and closes the gripper on it; true once it is held and may be moved.</summary>
    private static bool Grasped(TabletopSnapshot now, ref ExpertMemory memory, int x, Aim aim, Span<float> action)
    {
        double grasp = Math.Max(now.Layout.Objects[x].Shape.RestHeight(), TabletopEmbodiment.LowestTip) + aim.Z;
        double distance = double.Hypot(aim.X - now.Command[0], aim.Y - now.Command[1]);
        if (now.Command[6] > 0.5f) memory.ClosedFor = 0;
        if (memory.ClosedFor > 0)
        {
            memory.ClosedFor++;
            if (now.Held[x] || memory.ClosedFor == 2)
            {
                action[6] = 0;
                return true;
            }

            // Closed on nothing: open, rise, and try again.
            memory.ClosedFor = 0;
            Go(now, now.Command[0], now.Command[1], Above, action);
            return false;
        }

        Align(now, x, action);
        bool low = now.Command[2] < grasp + 0.008 && distance < 0.008;
        double descend = distance < 0.02 ? grasp : Above;
        // On the way down the fingers are beside the object: no more sideways haste than the gap allows.
        Go(now, aim.X, aim.Y, descend, action);
        if (!low) return false;
        action[6] = 0;
        memory.ClosedFor = 1;
        return false;
    }

    private static void Put(TabletopSnapshot now, ref ExpertMemory memory, int x, int y, Aim aim, Span<float> action)
    {
        if (memory.Released)
        {
            // Away upwards; if the object did not stay, start over once the hand is clear.
            Go(now, now.Command[0], now.Command[1], now.Command[2] + 0.035, action);
            if (now.Command[2] > Above && now.Gap(x, y) > -0.02) memory = default;
            return;
        }

        if (!Grasped(now, ref memory, x, aim, action)) return;
        bool bowl = now.Layout.Objects[y].Shape == ObjectShape.Bowl;
        double carry = bowl ? 0.105 : 0.085;
        double release = now.Layout.Objects[x].Shape.RestHeight() + (bowl ? 0.036 : 0.014) + aim.Z;
        // What counts is where the object is, not the hand that holds it a little off-centre.
        double goalX = now.Positions[3 * y] + now.Tip[0] - now.Positions[3 * x], goalY = now.Positions[3 * y + 1] + now.Tip[1] - now.Positions[3 * x + 1];
        double distance = double.Hypot(goalX - now.Command[0], goalY - now.Command[1]);
        if (distance < 0.012 && now.Command[2] < release + 0.006)
        {
            action[6] = 1;
            memory.Released = true;
            memory.ClosedFor = 0;
            return;
        }

        if (distance < 0.02) Go(now, goalX, goalY, release, action);
        else if (now.Command[2] < carry - 0.03) Go(now, now.Command[0], now.Command[1], carry, action);
        else Go(now, goalX, goalY, carry, action);
    }

    private static void Push(TabletopSnapshot now, ref ExpertMemory memory, int x, int y, Aim aim, Span<float> action)
    {
        action[6] = 0;
        double dx = now.Positions[3 * y] - aim.X, dy = now.Positions[3 * y + 1] - aim.Y, length = Math.Max(double.Hypot(dx, dy), 1e-6);
        double ux = dx / length, uy = dy / length;
        // The fingertips in the frame of the push: along it (negative behind the object) and across it.
        double rx = now.Command[0] - aim.X, ry = now.Command[1] - aim.Y;
        double along = rx * ux + ry * uy, across = -rx * uy + ry * ux;
        double radius = now.Layout.Objects[x].Shape.Radius(), low = 0.020 + aim.Z;
        double standOff = radius + 0.022;
        if (memory.Behind && (along > -0.4 * radius || Math.Abs(across) > radius + 0.012)) memory.Behind = false;

        if (!memory.Behind)
        {
            double goalX = aim.X - ux * standOff, goalY = aim.Y - uy * standOff;
            double distance = double.Hypot(goalX - now.Command[0], goalY - now.Command[1]);
            bool clear = now.Command[2] > Above - 0.02 || distance < 0.012;
            if (!clear) Go(now, now.Command[0], now.Command[1], Above, action);
            else if (distance > 0.012) Go(now, goalX, goalY, Above, action);
            else Go(now, goalX, goalY, low, action);
            if (distance < 0.015 && now.Command[2] + action[2] < low + 0.012) memory.Behind = true;
            return;
        }

        // Forward, and across so as to come behind the middle again; a push off-centre turns the object away.
        double forward = Math.Abs(across) > 0.008 ? 0.016 : 0.030;
        double sideways = Math.Clamp(-1.2 * across, -0.02, 0.02);
        Go(now, now.Command[0] + ux * forward - uy * sideways, now.Command[1] + uy * forward + ux * sideways, low, action);
    }

    /// <summary>Turns the hand to the nearest heading at which the fingers stand along the object's sides.</summary>
    private static void Align(TabletopSnapshot now, int x, Span<float> action)
    {
        double symmetry = now.Layout.Objects[x].Shape.Symmetry();
        double want = symmetry == 0 ? 0 : Math.IEEERemainder(now.Yaws[x], symmetry);
        action[5] = (float)Math.Clamp(want - now.Command[5], -TabletopEmbodiment.StepRadians, TabletopEmbodiment.StepRadians);
    }

    /// <summary>Moves the command towards a point, straight in the plane of the table.</summary>
    private static void Go(TabletopSnapshot now, double x, double y, double z, Span<float> action)
    {
        const double limit = TabletopEmbodiment.StepMetres;
        double dx = x - now.Command[0], dy = y - now.Command[1];
        double scale = Math.Min(1, limit / Math.Max(Math.Max(Math.Abs(dx), Math.Abs(dy)), 1e-9));
        action[0] = (float)(dx * scale);
        action[1] = (float)(dy * scale);
        action[2] = (float)Math.Clamp(z - now.Command[2], -limit, limit);
    }

    private readonly record struct Aim(double X, double Y, double Z);
}
