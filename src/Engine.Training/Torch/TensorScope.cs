namespace Engine.Training.Torch;

/// <summary>
/// Disposes, when it ends, of every tensor made on this thread while it was the innermost open scope. Memory is freed at a known
/// place instead of whenever the garbage collector runs; a training step is one scope. Scopes nest and end in reverse order,
/// on the thread that opened them (not across <c>await</c>). A tensor made while no scope is open belongs to the caller.
/// </summary>
public sealed class TensorScope : IDisposable
{
    [ThreadStatic]
    private static TensorScope? t_current;

    private readonly TensorScope? _outer;
    private readonly List<Tensor> _tensors = [];
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private bool _ended;

    /// <summary>Opens a scope.</summary>
    public TensorScope()
    {
        _outer = t_current;
        t_current = this;
    }

    /// <summary>The innermost open scope of this thread.</summary>
    internal static TensorScope? Current => t_current;

    /// <summary>
    /// Moves a tensor of this scope to the scope around it, or, where there is none, to the caller, and returns it.
    /// A tensor that is not of this scope is returned as it is.
    /// </summary>
    public Tensor Keep(Tensor tensor)
    {
        if (ReferenceEquals(tensor.Scope, this))
        {
            tensor.Scope = _outer;
            _outer?._tensors.Add(tensor);
        }

        return tensor;
    }

    /// <summary>Takes a tensor out of whatever scope it is of: it belongs to the caller, who keeps it as long as the program needs it.</summary>
    public static Tensor Free(Tensor tensor)
    {
        tensor.Scope = null;
        return tensor;
    }

    /// <summary>Disposes of the tensors that are still of this scope.</summary>
    /// <exception cref="InvalidOperationException">Another thread opened the scope, or a scope opened after it is still open.</exception>
    public void Dispose()
    {
        if (_ended) return;
        if (!ReferenceEquals(t_current, this))
        {
            throw new InvalidOperationException(_thread != Environment.CurrentManagedThreadId
                ? "A TensorScope ended on another thread than the one that opened it. Do not hold one across await."
                : "A TensorScope ended before one that was opened inside it. End scopes in reverse order, best with using.");
        }

        _ended = true;
        t_current = _outer;
        foreach (Tensor tensor in _tensors)
        {
            if (ReferenceEquals(tensor.Scope, this)) tensor.Dispose();
        }

        _tensors.Clear();
    }

    internal void Add(Tensor tensor) => _tensors.Add(tensor);
}
