using System.Runtime.InteropServices;

namespace Engine.Training.Interop;

/// <summary>One argument or result of an operator, as <c>eng_torch_value</c> lays it out: 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TorchValue
{
    public TorchTag Tag;
    public int Reserved;
    public long Bits;
    public long Length;
}
