using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Serving.Groot;

/// <summary>
/// Rewrites GR00T's observations into the form that <see cref="ObservationReader"/> checks. Flat (<c>video.front</c>, <c>state.gripper</c>,
/// <c>annotation.human.task_description</c>; N1, N1.5, simulation wrappers) or nested (<c>video</c>, <c>state</c>, <c>language</c>; N1.6 on).
/// Leading dimensions of one (batch, time) are dropped: a request is one observation of one moment.
/// </summary>
internal sealed class GrootObservation
{
    private readonly Dictionary<string, NumpyArray> _states = new(StringComparer.Ordinal);
    private readonly GrootKeys _keys;
    private readonly int _width;

    private GrootObservation(GrootKeys keys, int width)
    {
        _keys = keys;
        _width = width;
    }

    /// <summary>The observation in the server's form.</summary>
    internal MsgPackMap Map { get; } = [];

    /// <summary>Whether arrays have a batch dimension, so that the reply's have one too.</summary>
    internal bool Batched { get; private set; }

    /// <summary>Whether it came as maps within the map.</summary>
    internal bool Nested { get; private set; }

    /// <exception cref="ObservationException">An array or a key is none that is understood.</exception>
    internal static GrootObservation Read(MsgPackMap sent, GrootKeys keys, int stateWidth)
    {
        var observation = new GrootObservation(keys, stateWidth);
        foreach (var (key, value) in sent)
        {
            if (key is "video" or "state" or "language" && value is MsgPackMap inner && !inner.ContainsKey("__ndarray_class__"))
            {
                observation.Nested = true;
                foreach (var (name, part) in inner)
                {
                    if (key == "language") observation.Instruction(part);
                    else observation.Add($"{key}.{name}", part);
                }
            }
            else
            {
                observation.Add(key, value);
            }
        }

        observation.JoinState();
        return observation;
    }

    private void Add(string key, object? value)
    {
        if (key.StartsWith("annotation.", StringComparison.Ordinal)) Instruction(value);
        else if (key.StartsWith("video.", StringComparison.Ordinal)) Put(key, Video(key, value));
        else if (key.StartsWith("state.", StringComparison.Ordinal)) State(key, value);
        else Put(key, GrootArrays.Read(key, value) ?? value);
    }

    private void Put(string key, object? value)
    {
        if (!Map.TryAdd(key, value)) throw new ObservationException($"'{GrootArrays.Short(key)}' is sent twice");
    }

    private object? Video(string key, object? value)
    {
        if (GrootArrays.Read(key, value) is not { } array) return value;
        Batched |= array.Shape.Length == 5;
        int skip = 0;
        while (array.Shape.Length - skip > 3 && array.Shape[skip] == 1) skip++;
        return skip == 0 ? array : new NumpyArray(array.Dtype, array.Shape[skip..], array.Data);
    }

    private void State(string key, object? value)
    {
        if (GrootArrays.Read(key, value) is not { Dtype.IsNumeric: true } array)
            throw new ObservationException($"'{GrootArrays.Short(key)}' must be an array of numbers");
        Batched |= array.Shape.Length == 3;
        if (!_states.TryAdd(key["state.".Length..], array)) throw new ObservationException($"'{GrootArrays.Short(key)}' is sent twice");
    }

    /// <summary>A string, a list of one, or a list of a list of one (batch, time).</summary>
    private void Instruction(object? value)
    {
        for (int i = 0; i < 2 && value is object?[] { Length: 1 } one; i++) value = one[0];
        if (!Map.TryAdd("instruction", value)) throw new ObservationException("more than one instruction is sent; one 'annotation.…' or language key is expected");
    }

    private void JoinState()
    {
        if (_states.Count == 0) return;
        if (_states.Count == 1 && _states.Values.Single() is var whole && (whole.Count == _width || _keys.Parts.Count == 0))
        {
            Put("state", whole);
            return;
        }

        float[] joined = new float[_width];
        foreach (var part in _keys.Parts)
        {
            if (!_states.Remove(part.Name, out var values)) throw Unfit($"'state.{part.Name}' is missing");
            if (values.Count != part.Width) throw Unfit($"'state.{part.Name}' has {values.Count} numbers");
            values.CopyTo(joined.AsSpan(part.Offset, part.Width));
        }

        if (_states.Count > 0) throw Unfit($"'state.{GrootArrays.Short(_states.Keys.First())}' is not known");
        Put("state", NumpyArray.From(joined, joined.Length));
    }

    private ObservationException Unfit(string what) =>
        new($"{what}; this policy's state is sent as {_keys} (the server's groot_state= names the parts otherwise), or whole under one key");
}
