using System.Buffers;

namespace Engine.Host.Serving.SharedMemory;

/// <summary>Memory outside the managed heap, as <see cref="Memory{T}"/>. Whoever owns it keeps it longer than this is used.</summary>
internal sealed unsafe class UnmanagedBytes(byte* address, int length) : MemoryManager<byte>
{
    public override Span<byte> GetSpan() => new(address, length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(address + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
