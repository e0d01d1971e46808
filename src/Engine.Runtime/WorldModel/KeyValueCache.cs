using Engine.Kernels.Memory;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// Temporal keys (rotated) and values of one environment: for each layer a ring of frames [slots, tokens, dim].
/// The frame at position p stands in slot p mod slots.
/// </summary>
internal sealed class KeyValueCache(int layers, int slots, int tokens, int dim) : IDisposable
{
    private readonly NativeBuffer<float> _keys = new(checked(layers * slots * tokens * dim)), _values = new(checked(layers * slots * tokens * dim));
    private readonly int _layerLength = slots * tokens * dim;

    public int Slots => slots;

    public long Numbers => _keys.Length;

    public Span<float> Keys(int layer) => _keys.Slice(layer * _layerLength, _layerLength);

    public Span<float> Values(int layer) => _values.Slice(layer * _layerLength, _layerLength);

    public void CopyFrom(KeyValueCache other)
    {
        other._keys.Span.CopyTo(_keys.Span);
        other._values.Span.CopyTo(_values.Span);
    }

    public (float[] Keys, float[] Values) ToArrays() => (_keys.Span.ToArray(), _values.Span.ToArray());

    public void CopyFrom(float[] keys, float[] values)
    {
        keys.CopyTo(_keys.Span);
        values.CopyTo(_values.Span);
    }

    public void Dispose()
    {
        _keys.Dispose();
        _values.Dispose();
    }
}
