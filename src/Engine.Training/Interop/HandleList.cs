using Engine.Training.Torch;

namespace Engine.Training.Interop;

/// <summary>
/// The native handles of tensors that stay for long, as one pinned array. The owner keeps the tensors alive; a tensor that has been
/// disposed of is found at <see cref="Refresh"/>, before its address is used.
/// </summary>
internal sealed unsafe class HandleList
{
    private readonly Tensor[] _tensors;
    private readonly nint[] _handles;

    public HandleList(IReadOnlyList<Tensor> tensors)
    {
        _tensors = [.. tensors];
        _handles = GC.AllocateArray<nint>(Math.Max(1, _tensors.Length), pinned: true);
    }

    public int Count => _tensors.Length;

    public ReadOnlySpan<Tensor> Tensors => _tensors;

    /// <summary>The addresses; valid while this list is alive.</summary>
    /// <exception cref="ObjectDisposedException">One of the tensors has been disposed of.</exception>
    public nint* Refresh()
    {
        for (int i = 0; i < _tensors.Length; i++) _handles[i] = _tensors[i].Handle;
        return (nint*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_handles, 0);
    }
}
