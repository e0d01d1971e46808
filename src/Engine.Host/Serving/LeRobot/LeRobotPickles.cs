using Engine.Runtime.Weights;

namespace Engine.Host.Serving.LeRobot;

/// <summary>Reads what LeRobot's clients pickle: <c>RemotePolicyConfig</c> and <c>TimedObservation</c> with plain values, numpy arrays and torch tensors inside, and nothing else.</summary>
internal static class LeRobotPickles
{
    /// <summary>Where the classes stand: since release 0.4, and before.</summary>
    private static readonly string[] s_modules = ["lerobot.async_inference.helpers", "lerobot.scripts.server.helpers"];

    private static readonly PickleMessageReader s_reader = new(s_modules.SelectMany(m => new[] { $"{m}.RemotePolicyConfig", $"{m}.TimedObservation" }));

    /// <summary>Reads an instance of a class; also gives the module that the client has it from.</summary>
    /// <exception cref="GrpcException">It is something else, or broken.</exception>
    internal static (PickledObject Object, string Module) Read(ReadOnlyMemory<byte> pickle, string name)
    {
        try
        {
            if (s_reader.Read(pickle) is PickledObject instance && instance.Class.EndsWith("." + name, StringComparison.Ordinal))
                return (instance, instance.Class[..^(name.Length + 1)]);
            throw new GrpcException(GrpcStatus.InvalidArgument, $"the pickle holds no {name}");
        }
        catch (InvalidDataException error)
        {
            throw new GrpcException(GrpcStatus.InvalidArgument, $"the {name} was refused: {error.Message}");
        }
    }

    /// <summary>A field of a type.</summary>
    /// <exception cref="GrpcException">It is not there, or of another type.</exception>
    internal static T Field<T>(this PickledObject instance, string name) => instance.Fields.GetValueOrDefault(name) is T value
        ? value
        : throw new GrpcException(GrpcStatus.InvalidArgument, $"{instance.Class[(instance.Class.LastIndexOf('.') + 1)..]} has no '{name}', or of another type");

    /// <summary>A number: plain, a numpy scalar, or an array of one element.</summary>
    internal static double? Number(object? value) => value switch
    {
        double number => number,
        long number => number,
        bool flag => flag ? 1 : 0,
        NamedArray { Count: 1 } array => array.ToFloat32()[0],
        _ => null,
    };
}
