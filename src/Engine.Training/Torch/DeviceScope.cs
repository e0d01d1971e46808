namespace Engine.Training.Torch;

/// <summary>
/// While open, tensors that are made on this thread from numbers (<see cref="Tensor.FromSpan(ReadOnlySpan{float}, ReadOnlySpan{long})"/>,
/// <see cref="Tensor.Zeros"/>, <see cref="Tensor.Arange"/> …), and so the modules made of them, are on a device; without one they are on the processor. The
/// results of operations are where their arguments are. Scopes nest and end in reverse order; the compiler keeps them from crossing <c>await</c>.
/// </summary>
public readonly ref struct DeviceScope : IDisposable
{
    [ThreadStatic]
    private static TorchDevice t_current;

    private readonly TorchDevice _outer;

    /// <summary>Opens a scope; to be ended by <c>using</c>.</summary>
    public DeviceScope(TorchDevice device)
    {
        _outer = t_current;
        t_current = device;
    }

    /// <summary>Where this thread makes tensors.</summary>
    public static TorchDevice Current => t_current;

    /// <summary>Restores what was before.</summary>
    public void Dispose() => t_current = _outer;
}
