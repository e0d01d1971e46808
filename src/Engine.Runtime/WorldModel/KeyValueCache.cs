using Engine.Kernels.Memory;
using Engine.Kernels.Ops.TemporalAttention;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// Temporal keys (rotated) and values of one environment: for each layer a ring of frames, laid out as the temporal attention wants them.
/// The frame at position p stands in slot p mod slots.
/// </summary>
internal sealed class KeyValueCache : IDisposable
{
    private readonly NativeBuffer<float> _keys, _values;
    private readonly int _layerLength;

    public KeyValueCache(WorldModelConfig config, int slots)
    {
        Slots = slots;
        _layerLength = checked(slots * TemporalAttention.SlotLength(config.Tokens, config.NumHeads, config.Dim / config.NumHeads));
        _keys = new NativeBuffer<float>(checked(config.NumLayers * _layerLength));
        _values = new NativeBuffer<float>(checked(config.NumLayers * _layerLength));
    }

    public int Slots { get; }

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
