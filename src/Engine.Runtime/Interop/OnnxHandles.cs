using System.Runtime.InteropServices;

namespace Engine.Runtime.Interop;

/// <summary>Owns an OrtSession.</summary>
internal sealed unsafe class OnnxSessionHandle : SafeHandle
{
    internal OnnxSessionHandle(nint session)
        : base(0, true) => SetHandle(session);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        ((delegate* unmanaged<nint, void>)OnnxRuntimeApi.Table[OnnxRuntimeApi.Slot.ReleaseSession])(handle);
        return true;
    }
}

/// <summary>Owns an OrtValue and, where it stands over memory of ours, that memory.</summary>
internal sealed unsafe class OnnxValueHandle : SafeHandle
{
    private readonly void* _memory;

    internal OnnxValueHandle(nint value, void* memory)
        : base(0, true)
    {
        _memory = memory;
        SetHandle(value);
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        ((delegate* unmanaged<nint, void>)OnnxRuntimeApi.Table[OnnxRuntimeApi.Slot.ReleaseValue])(handle);
        NativeMemory.AlignedFree(_memory);
        return true;
    }
}
