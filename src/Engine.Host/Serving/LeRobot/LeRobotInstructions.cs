using Engine.Runtime.Weights;

namespace Engine.Host.Serving.LeRobot;

/// <summary>
/// What a client says first (<c>RemotePolicyConfig</c>): which policy it wants, how many actions at a time, and how the robot's raw values make up
/// the observation. Nothing is loaded: the policy that it names must be the served one; its type and device are the server's business.
/// </summary>
internal sealed class LeRobotInstructions
{
    private const string State = "observation.state", Image = "observation.images.";

    private LeRobotInstructions(string policy, long actions, string[] stateNames, Dictionary<string, string> cameras) =>
        (Policy, Actions, StateNames, Cameras) = (policy, actions, stateNames, cameras);

    /// <summary>Name of the policy that the client wants (<c>pretrained_name_or_path</c>).</summary>
    internal string Policy { get; }

    /// <summary>Actions of a chunk that the client wants at most.</summary>
    internal long Actions { get; }

    /// <summary>Raw keys whose numbers are the state, in this order.</summary>
    internal IReadOnlyList<string> StateNames { get; }

    /// <summary>From raw keys of images to the observation's, <c>front</c> to <c>observation.images.front</c>, after the client's renaming.</summary>
    internal IReadOnlyDictionary<string, string> Cameras { get; }

    /// <exception cref="GrpcException">The pickle is broken, or no such configuration.</exception>
    internal static LeRobotInstructions Read(ReadOnlyMemory<byte> pickle)
    {
        var (config, _) = LeRobotPickles.Read(pickle, "RemotePolicyConfig");
        var renaming = config.Fields.GetValueOrDefault("rename_map") as Dictionary<string, object?> ?? [];
        long actions = config.Field<long>("actions_per_chunk");
        if (actions < 1) throw Refused($"'actions_per_chunk' is {actions}");
        string[] names = [];
        var cameras = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in config.Field<Dictionary<string, object?>>("lerobot_features"))
        {
            if (value is not Dictionary<string, object?> feature) throw Refused($"feature '{Short(key)}' is no dictionary");
            if (key == State)
            {
                names = feature.GetValueOrDefault("names") is object?[] list && Array.TrueForAll(list, n => n is string)
                    ? Array.ConvertAll(list, n => (string)n!)
                    : throw Refused($"feature '{State}' has no 'names'");
            }
            else if (key.StartsWith(Image, StringComparison.Ordinal) && feature.GetValueOrDefault("dtype") is "image" or "video")
            {
                cameras[key[Image.Length..]] = renaming.GetValueOrDefault(key) as string ?? key;
            }
        }

        return new LeRobotInstructions(config.Field<string>("pretrained_name_or_path"), actions, names, cameras);
    }

    internal static string Short(string text) => text.Length > 64 ? text[..64] + "…" : text;

    private static GrpcException Refused(string what) => new(GrpcStatus.InvalidArgument, $"the RemotePolicyConfig was refused: {what}");
}
