using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Engine.Host.Serving.OpenPi;

/// <summary>The mask over a client's payload (RFC 6455, 5.3): byte i is combined with byte i mod 4 of the mask.</summary>
internal static class FrameMask
{
    /// <summary>Takes the mask off, or puts it on, in place.</summary>
    /// <param name="bytes">The payload from its beginning.</param>
    /// <param name="mask">The mask's four bytes, the first in the lowest.</param>
    internal static void Apply(Span<byte> bytes, uint mask)
    {
        ref byte first = ref MemoryMarshal.GetReference(bytes);
        nuint at = 0, length = (nuint)bytes.Length;
        if (Vector512.IsHardwareAccelerated)
        {
            var wide = Vector512.Create(mask).AsByte();
            for (; at + 64 <= length; at += 64) (Vector512.LoadUnsafe(ref first, at) ^ wide).StoreUnsafe(ref first, at);
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            // Two at a time; on AVX2 the compiler's 256-bit form of the same.
            var wide = Vector256.Create(mask).AsByte();
            for (; at + 32 <= length; at += 32) (Vector256.LoadUnsafe(ref first, at) ^ wide).StoreUnsafe(ref first, at);
        }

        for (; at < length; at++) Unsafe.Add(ref first, at) ^= (byte)(mask >> (8 * (int)(at & 3)));
    }
}
