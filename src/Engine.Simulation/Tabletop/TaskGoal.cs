namespace Engine.Simulation.Tabletop;

/// <summary>When each family's goal holds, and how near it is. Functions of a <see cref="TabletopSnapshot"/> and the episode's start.</summary>
public static class TaskGoal
{
    /// <summary>Horizontal distance (m) from the fingertips to an object's origin at which it is reached.</summary>
    public const double ReachDistance = 0.022;

    /// <summary>Gap (m) between two objects' outlines at which one has been pushed to the other.</summary>
    public const double PushGap = 0.05;

    /// <summary>Height (m) to which an object must be lifted.</summary>
    public const double LiftHeight = 0.05;

    /// <summary>Whether the fingertips are at an object: within <see cref="ReachDistance"/>, and not higher than just above its top.</summary>
    public static bool AtObject(TabletopSnapshot now, int item)
    {
        double top = Math.Max(now.Layout.Objects[item].Shape.Height(), 0.04);
        return now.HorizontalDistance(item) < ReachDistance && now.Tip[2] < top + 0.008;
    }

    /// <summary>Whether the goal holds.</summary>
    public static bool Reached(TabletopSnapshot now)
    {
        var layout = now.Layout;
        int x = layout.Target, y = layout.Destination;
        return layout.Task switch
        {
            "reach" => AtObject(now, x),
            "push" => now.Gap(x, y) < PushGap && now.Lift(x) < 0.01,
            "pick" => now.Lift(x) >= LiftHeight,
            "put" => now.Command[6] > 0.5f && !now.Touched[x] && now.Speeds[x] < 0.08 && RestsOn(now, x, y),
            _ => throw new InvalidOperationException($"The task '{layout.Task}' has no goal."),
        };
    }

    /// <summary>Progress in [0, 1]: 1 exactly when the goal holds, otherwise the part of the way done, at most 0.99.</summary>
    /// <param name="now">The environment.</param>
    /// <param name="startDistance">Distance (m) from the fingertips to the named object at the start.</param>
    /// <param name="startGap">Way (m) that the named object had to go to its destination at the start; 0 where there is none.</param>
    public static float Progress(TabletopSnapshot now, double startDistance, double startGap)
    {
        if (Reached(now)) return 1f;
        var layout = now.Layout;
        int x = layout.Target, y = layout.Destination;
        double approach = Part(startDistance - Distance(now, x), startDistance - 0.01);
        double lift = Part(now.Lift(x), LiftHeight);
        double progress = layout.Task switch
        {
            "reach" => approach,
            "push" => 0.3 * approach + 0.7 * Part(startGap - (now.Gap(x, y) - PushGap), startGap),
            "pick" => 0.4 * approach + (now.Held[x] ? 0.1 + 0.5 * lift : 0),
            "put" => Put(now, approach, lift, startGap),
            _ => 0,
        };
        return (float)Math.Clamp(progress, 0, 0.99);
    }

    /// <summary>The way (m) between the named object and where it belongs; 0 where the family has no destination.</summary>
    public static double WayToGo(TabletopSnapshot now) => now.Layout.Task switch
    {
        "push" => Math.Max(now.Gap(now.Layout.Target, now.Layout.Destination) - PushGap, 0.001),
        "put" => Math.Max(Horizontal(now), 0.001),
        _ => 0,
    };

    /// <summary>Distance (m) from the fingertips to an object's origin.</summary>
    public static double Distance(TabletopSnapshot now, int item) =>
        double.Hypot(now.HorizontalDistance(item), now.Positions[3 * item + 2] - now.Tip[2]);

    private static double Put(TabletopSnapshot now, double approach, double lift, double startGap)
    {
        int x = now.Layout.Target;
        double carried = Part(startGap - Horizontal(now), startGap);
        if (RestsOn(now, x, now.Layout.Destination)) return 0.95;
        return now.Held[x] ? 0.35 + 0.15 * lift + 0.4 * carried : 0.25 * approach;
    }

    private static double Horizontal(TabletopSnapshot now)
    {
        var a = now.Position(now.Layout.Target);
        var b = now.Position(now.Layout.Destination);
        return double.Hypot(a[0] - b[0], a[1] - b[1]);
    }

    private static bool RestsOn(TabletopSnapshot now, int x, int y)
    {
        var below = now.Layout.Objects[y].Shape;
        double height = now.Positions[3 * x + 2] - now.Positions[3 * y + 2];
        double rest = now.Layout.Objects[x].Shape.RestHeight() + 0.004;
        double slack = below == ObjectShape.Bowl ? 0.02 : 0.008;
        return Horizontal(now) < below.Radius() - 0.008 && height > rest - 0.006 && height < rest + slack;
    }

    private static double Part(double done, double whole) => Math.Clamp(done / Math.Max(whole, 1e-3), 0, 1);
}
