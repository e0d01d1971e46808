using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Engine.Host.Realtime;

/// <summary>What one tick told the robot.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TickPublication
{
    private ulong _tick;
    private long _time;
    private ulong _chunk;
    private int _index;
    private TickState _source;
    private uint _limited;
    private uint _width;
    private Numbers _action;
    private Numbers _position;

    /// <summary>1, 2, 3, … without gaps.</summary>
    public readonly ulong Tick => _tick;

    /// <summary>When the tick was due (ns, CLOCK_MONOTONIC).</summary>
    public readonly long TimeNanoseconds => _time;

    /// <summary>Sequence of the chunk in effect; 0 for none.</summary>
    public readonly ulong Chunk => _chunk;

    /// <summary>Action in that chunk; −1 for none.</summary>
    public readonly int Index => _index;

    /// <summary>Where the action comes from.</summary>
    public readonly TickState Source => _source;

    /// <summary>The workspace changed this action.</summary>
    public readonly bool AtPosition => (_limited & 1) != 0;

    /// <summary>The velocity limit changed this action.</summary>
    public readonly bool AtVelocity => (_limited & 2) != 0;

    /// <summary>The acceleration limit changed this action.</summary>
    public readonly bool AtAcceleration => (_limited & 4) != 0;

    /// <summary>The action [A]: displacement of this tick, position, or value, as its <see cref="ActionKind"/> says.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<float> Action => ((ReadOnlySpan<float>)_action)[..(int)_width];

    /// <summary>The commanded position [A] after this tick.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<float> Position => ((ReadOnlySpan<float>)_position)[..(int)_width];

    [InlineArray(Interop.RealtimeNative.MaxWidth)]
    private struct Numbers
    {
        private float _first;
    }
}
