using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>Policies without a model, for trying clients and measuring the server: <c>echo</c> and <c>zero</c>.</summary>
public static class BuiltInPolicies
{
    /// <summary>Names for <c>--policy</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = ["echo", "zero"];

    /// <summary>A contract like that of openpi's LIBERO policies: two cameras of 224×224, 8 state numbers, 50 actions of 7 numbers.</summary>
    public static PolicyContract DefaultContract { get; } = new()
    {
        Name = "built-in",
        Cameras = [new CameraSpec("image", 224, 224), new CameraSpec("wrist_image", 224, 224)],
        StateNames = ["x (m)", "y (m)", "z (m)", "qw", "qx", "qy", "qz", "gripper"],
        ActionNames = ["dx (m)", "dy (m)", "dz (m)", "droll (rad)", "dpitch (rad)", "dyaw (rad)", "gripper"],
        ActionStatistics = Unit(7),
        StateStatistics = Unit(8),
        Embodiment = new EmbodimentSpec
        {
            StepLimit = [0.05f, 0.05f, 0.05f, 0.25f, 0.25f, 0.25f],
            PoseLow = [-1, -1, 0, -MathF.PI, -MathF.PI, -MathF.PI],
            PoseHigh = [1, 1, 1, MathF.PI, MathF.PI, MathF.PI],
            ControlHz = 10,
        },
        ActionHorizon = 50,
        ReplanEvery = 10,
        Vocabulary = [],
    };

    /// <summary>Makes the policy of a name.</summary>
    /// <exception cref="ArgumentException">The name is not one of <see cref="Names"/>.</exception>
    public static IPolicy Create(string name, PolicyContract? contract = null)
    {
        contract = (contract ?? DefaultContract) with { Name = name };
        return name switch
        {
            "echo" => new EchoPolicy(contract),
            "zero" => new ZeroPolicy(contract),
            _ => throw new ArgumentException($"'{name}' is no built-in policy; there are {string.Join(" and ", Names)}.", nameof(name)),
        };
    }

    private static NormalisationStatistics Unit(int width) => new()
    {
        Q01 = [.. Enumerable.Repeat(-1f, width)],
        Q99 = [.. Enumerable.Repeat(1f, width)],
        Mean = new float[width],
        Std = [.. Enumerable.Repeat(1f, width)],
        Mask = new bool[width],
    };
}
