using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>While open, operations on this thread are not recorded for <see cref="Tensor.Backward"/>; they take less time and memory.</summary>
public sealed class NoGrad : IDisposable
{
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly int _before;
    private bool _ended;

    /// <summary>Turns recording off.</summary>
    public NoGrad()
    {
        TorchRuntime.EnsureInitialised();
        _before = TorchNative.eng_torch_set_grad_mode(0);
    }

    /// <summary>Restores what was before.</summary>
    /// <exception cref="InvalidOperationException">Another thread opened it; the mode belongs to a thread.</exception>
    public void Dispose()
    {
        if (_ended) return;
        if (_thread != Environment.CurrentManagedThreadId)
            throw new InvalidOperationException("NoGrad ended on another thread than the one that opened it. Do not hold one across await.");
        _ended = true;
        _ = TorchNative.eng_torch_set_grad_mode(_before);
    }
}
