using System.Runtime.InteropServices;
using Engine.Kernels.Memory;

namespace Engine.Kernels.Tests.Memory;

public class NativeBufferTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public unsafe void Is_aligned_zeroed_and_gone_after_dispose(int length)
    {
        var buffer = new NativeBuffer<float>(length);
        Assert.Equal(length, buffer.Length);
        Assert.Equal(0, (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(buffer.Span)) % 64);
        Assert.Equal(-1, buffer.Span.IndexOfAnyExcept(0f));
        buffer.Span.Fill(1);
        Assert.Equal(length / 2, buffer.Slice(length / 4, length / 2).Length);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Length);
    }

    [Fact]
    public void Negative_lengths_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => new NativeBuffer<byte>(-1));
}
