using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Engine.Host.Serving.OpenPi;

/// <summary>The mask over a client's payload (RFC 6455, 5.3): byte i is combined with byte i mod 4 of the mask.</summary>
internal static class FrameMask
{
    private const int Line = 64;

    /// <summary>Takes the mask off, or puts it on, in place.</summary>
    /// <param name="bytes">The payload from its beginning.</param>
    /// <param name="mask">The mask's four bytes, the first in the lowest.</param>
    internal static unsafe void Apply(Span<byte> bytes, uint mask)
    {
        fixed (byte* first = bytes)
        {
            // From the first whole line of the cache on, no access straddles two.
            int head = (int)Math.Min(-(nint)first & (Line - 1), bytes.Length);
            ApplyBytes(bytes[..head], mask);
            bytes = bytes[head..];
            mask = BitOperations.RotateRight(mask, 8 * head);
            nuint at = 0, whole = (nuint)(bytes.Length & -Line);
            ref byte start = ref MemoryMarshal.GetReference(bytes);
            if (Vector512.IsHardwareAccelerated)
            {
                var wide = Vector512.Create(mask).AsByte();
                for (; at < whole; at += Line) (Vector512.LoadUnsafe(ref start, at) ^ wide).StoreUnsafe(ref start, at);
            }
            else
            {
                var wide = Vector256.Create(mask).AsByte();
                for (; at < whole; at += Line / 2) (Vector256.LoadUnsafe(ref start, at) ^ wide).StoreUnsafe(ref start, at);
            }

            ApplyBytes(bytes[(int)whole..], mask);
        }
    }

    private static void ApplyBytes(Span<byte> bytes, uint mask)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] ^= (byte)(mask >> (8 * (i & 3)));
    }
}
