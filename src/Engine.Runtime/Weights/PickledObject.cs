namespace Engine.Runtime.Weights;

/// <summary>An instance of a class, as a pickle describes it: nothing of the class was run.</summary>
/// <param name="Class">Module and name, e.g. <c>lerobot.async_inference.helpers.TimedObservation</c>.</param>
/// <param name="Fields">Its fields; values as <see cref="PickleMessageReader.Read"/> gives them.</param>
public sealed record PickledObject(string Class, IReadOnlyDictionary<string, object?> Fields);
