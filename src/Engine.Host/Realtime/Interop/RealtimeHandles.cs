using System.Runtime.InteropServices;

namespace Engine.Host.Realtime.Interop;

/// <summary>Owns an <c>eng_rt_tick</c>; releasing it stops the arm safely first.</summary>
internal sealed class TickHandle() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => RealtimeNative.Destroy(handle) == 0;
}

/// <summary>Owns an <c>eng_rt_ring</c>.</summary>
internal sealed class RingHandle() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => RealtimeNative.Detach(handle) == 0;
}
