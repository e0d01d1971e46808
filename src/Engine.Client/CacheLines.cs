using System.Runtime.Intrinsics.X86;

namespace Engine.Client;

/// <summary>Asks for memory that another core has written before it is read, so that its lines travel at the same time.</summary>
internal static unsafe class CacheLines
{
    private const int Bytes = 64, Most = 32;

    /// <summary>Begins to fetch; reads nothing, whatever the address.</summary>
    internal static void Fetch(byte* address, int length)
    {
        if (!Sse.IsSupported) return;
        for (int line = 0; line < Most && line * Bytes < length; line++) Sse.Prefetch0(address + line * Bytes);
    }
}
