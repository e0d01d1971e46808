using System.Runtime.InteropServices;

namespace Engine.Simulation.Interop;

/// <summary>Owns an <c>eng_mj_model</c>.</summary>
internal sealed class MujocoModelHandle() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => MujocoNative.ModelDestroy(handle) == 0;
}

/// <summary>Owns an <c>eng_mj_data</c>.</summary>
internal sealed class MujocoDataHandle() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => MujocoNative.DataDestroy(handle) == 0;
}

/// <summary>
/// Owns an <c>eng_mj_renderer</c>. A GL context can only be freed on its own thread: disposing elsewhere (or in a finaliser) fails
/// quietly and leaves the context to the end of the process, so renderers are disposed by the thread that draws with them.
/// </summary>
internal sealed class MujocoRendererHandle() : SafeHandle(0, true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => MujocoNative.RendererDestroy(handle) == 0;
}
