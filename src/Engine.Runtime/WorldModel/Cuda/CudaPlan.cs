using System.Runtime.InteropServices;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.TemporalAttention;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// What changes from one pass to the next, for each of its frames: whose cache and which slots, where its latents and its predecessor's stand, the key of its
/// noise, its action. Written on the host and sent in one copy; graphs read it at an address that stays.
/// </summary>
internal sealed class CudaPlan
{
    private readonly TemporalAttentionShape _shape;
    private readonly DeviceBuffer<int> _device;
    private readonly int[] _host;
    private readonly int _firstEnvironment, _capacity, _actionDim, _indices, _previous, _keys, _actions;

    public CudaPlan(CudaArena arena, TemporalAttentionShape shape, int capacity, int actionDim, int firstEnvironment)
    {
        _firstEnvironment = firstEnvironment;
        _shape = shape;
        _capacity = capacity;
        _actionDim = actionDim;
        _indices = capacity * shape.DescriptionLength;
        _previous = _indices + capacity;
        _keys = _previous + capacity;
        _actions = _keys + 3 * capacity;
        _host = new int[_actions + capacity * actionDim];
        _device = arena.Allocate<int>(_host.Length);
    }

    /// <summary>[capacity, 3 + window], for the temporal attention.</summary>
    public DeviceSpan<int> Descriptions => _device.Slice(0, _indices);

    /// <summary>[capacity]: frames of the ring of latents.</summary>
    public DeviceSpan<int> Indices => _device.Slice(_indices, _capacity);

    /// <summary>[capacity]: their predecessors, −1 for none.</summary>
    public DeviceSpan<int> Previous => _device.Slice(_previous, _capacity);

    /// <summary>[capacity, 3]: environment, episode, frame.</summary>
    public DeviceSpan<uint> Keys => new(_device.Slice(_keys, 3 * _capacity).Address, 3 * _capacity);

    /// <summary>[capacity, A].</summary>
    public DeviceSpan<float> Actions => new(_device.Slice(_actions, _capacity * _actionDim).Address, _capacity * _actionDim);

    /// <summary>Frames written so far.</summary>
    public int Count { get; private set; }

    public bool IsFull => Count == _capacity;

    public void Begin() => Count = 0;

    /// <summary>Adds one frame of an environment.</summary>
    /// <param name="environment">Its number.</param>
    /// <param name="track">What is known of it.</param>
    /// <param name="frame">Which frame.</param>
    /// <param name="ring">Frames of latents that each environment has.</param>
    public void Add(int environment, CudaTrack track, int frame, int ring)
    {
        int row = Count++, position = frame - track.Origin, seen = Math.Min(position + 1, _shape.Window);
        Span<int> slots = stackalloc int[seen];
        for (int i = 0; i < seen; i++) slots[i] = (position - seen + 1 + i) % _shape.Window;
        _shape.Describe(_host.AsSpan(row * _shape.DescriptionLength, _shape.DescriptionLength), environment, position, slots);
        _host[_indices + row] = environment * ring + track.PlaceOf(frame);
        _host[_previous + row] = position > 0 ? environment * ring + track.PlaceOf(frame - 1) : -1;
        _host[_keys + 3 * row] = _firstEnvironment + environment;
        _host[_keys + 3 * row + 1] = (int)track.Episode;
        _host[_keys + 3 * row + 2] = frame;
        track.ActionOf(frame).CopyTo(MemoryMarshal.Cast<int, float>(_host.AsSpan(_actions + row * _actionDim, _actionDim)));
    }

    /// <summary>Fills up to <paramref name="size"/> frames with the last one and sends the plan.</summary>
    public void Send(CudaStream stream, int size)
    {
        void Repeat(int first, int width)
        {
            Span<int> last = _host.AsSpan(first + (Count - 1) * width, width);
            for (int row = Count; row < size; row++) last.CopyTo(_host.AsSpan(first + row * width, width));
        }

        Repeat(0, _shape.DescriptionLength);
        Repeat(_indices, 1);
        Repeat(_previous, 1);
        Repeat(_keys, 3);
        Repeat(_actions, _actionDim);
        stream.Upload<int>(_host, _device.Span);
    }
}
