namespace Engine.Kernels.Devices.Cuda;

/// <summary>How kernels name the types of numbers that operations take on a device, and what they ask of addresses.</summary>
internal static class DeviceElement
{
    /// <summary>The device header's name: float or bfloat16.</summary>
    /// <exception cref="ArgumentException">Another type.</exception>
    public static string Name<T>(string argument)
        where T : unmanaged =>
        typeof(T) == typeof(float) ? "float"
        : typeof(T) == typeof(Bfloat16) ? "bfloat16"
        : throw new ArgumentException($"{argument} must be float or {nameof(Bfloat16)}, it is {typeof(T).Name}.", argument);

    /// <summary>What kernels are given for an optional span: no address where there are no elements.</summary>
    public static DeviceSpan<T> OrNone<T>(DeviceSpan<T> span)
        where T : unmanaged => span.Length == 0 ? default : span;

    /// <summary>Several neighbours move in one access: their first must stand at a multiple of <paramref name="bytes"/>.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public static void RequireAligned<T>(DeviceSpan<T> span, string argument, int bytes = 16)
        where T : unmanaged
    {
        if (span.Address % (ulong)bytes != 0) throw new ArgumentException($"{argument} must start at a multiple of {bytes} bytes, it starts at 0x{span.Address:x}.", argument);
    }

    /// <summary>Likewise the rows of a matrix.</summary>
    /// <exception cref="ArgumentException">They do not.</exception>
    public static void RequireMultiple(int stride, int of, string argument)
    {
        if (stride % of != 0) throw new ArgumentException($"{argument} must be a multiple of {of}, it is {stride}.", argument);
    }
}
