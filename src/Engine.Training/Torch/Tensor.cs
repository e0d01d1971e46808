using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>
/// An n-dimensional array of libtorch's, with its place in the graph of derivatives. The meaning of every operation is that of
/// PyTorch's operation of the same name, broadcasting and type promotion included; negative axes count from the end.
/// An operation that libtorch refuses throws <see cref="TorchException"/> with the shapes in its message; a disposed tensor throws
/// <see cref="ObjectDisposedException"/>. Not safe for use by several threads at once while one of them changes it.
/// </summary>
public sealed unsafe partial class Tensor : SafeHandle
{
    internal Tensor(nint owned) : base(0, ownsHandle: true)
    {
        SetHandle(owned);
        Scope = TensorScope.Current;
        Scope?.Add(this);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>A new array with the length of each axis.</summary>
    public long[] Shape
    {
        get
        {
            var shape = new long[Dim];
            fixed (long* sizes = shape) TorchNative.eng_torch_sizes(Handle, sizes);
            GC.KeepAlive(this);
            return shape;
        }
    }

    /// <summary>Number of axes.</summary>
    public int Dim => Kept(TorchNative.eng_torch_dim(Handle));

    /// <summary>Number of elements.</summary>
    public long NumElements => Kept(TorchNative.eng_torch_numel(Handle));

    /// <summary>Type of the elements.</summary>
    public ScalarType DType => (ScalarType)Kept(TorchNative.eng_torch_dtype(Handle));

    /// <summary>Where the elements are.</summary>
    public TorchDevice Device => TorchDevice.Of(Kept(TorchNative.eng_torch_device(Handle)));

    /// <summary>Whether derivatives with respect to this tensor, or through it, are recorded. To be set on leaves only.</summary>
    public bool RequiresGrad
    {
        get => Kept(TorchNative.eng_torch_requires_grad(Handle)) != 0;
        set => Check(TorchNative.eng_torch_set_requires_grad(Handle, value ? 1 : 0), "RequiresGrad");
    }

    /// <summary>The gradient that <see cref="Backward"/> has accumulated, or null. It shares memory with the accumulator.</summary>
    public Tensor? Grad
    {
        get
        {
            Check(TorchNative.eng_torch_grad(Handle, out nint grad), "Grad");
            return grad == 0 ? null : new Tensor(grad);
        }
    }

    /// <summary>The scope that will dispose of this tensor, if any.</summary>
    internal TensorScope? Scope { get; set; }

    /// <summary>The native handle; valid while this object is alive.</summary>
    internal nint Handle
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <summary>Length of an axis.</summary>
    /// <param name="dim">Axis in [-Dim, Dim).</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    public long Size(int dim)
    {
        int dims = Dim;
        if (dim < -dims || dim >= dims)
            throw new ArgumentOutOfRangeException(nameof(dim), $"axis {dim} of a tensor of shape {TensorDescription.Of(this)}");
        long* sizes = stackalloc long[dims];
        TorchNative.eng_torch_sizes(Handle, sizes);
        GC.KeepAlive(this);
        return sizes[dim < 0 ? dim + dims : dim];
    }

    /// <summary>Drops the gradient, so that the next <see cref="Backward"/> starts from nothing.</summary>
    public void ClearGrad() => Check(TorchNative.eng_torch_clear_grad(Handle), "ClearGrad");

    /// <summary>Adds the derivative of this single number with respect to every leaf that requires it to the leaf's <see cref="Grad"/>.</summary>
    public void Backward() => Check(TorchNative.eng_torch_backward(Handle, 0), "Backward");

    /// <summary>As <see cref="Backward()"/>, for a tensor of any shape: <paramref name="gradient"/> is the derivative with respect to it.</summary>
    public void Backward(Tensor gradient)
    {
        Check(TorchNative.eng_torch_backward(Handle, gradient.Handle), "Backward");
        GC.KeepAlive(gradient);
    }

    /// <summary>Takes the tensor out of the scope that holds it: it belongs to the caller from now on.</summary>
    internal Tensor LeaveScope()
    {
        Scope = null;
        return this;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        TorchNative.eng_torch_release(handle);
        return true;
    }

    private T Kept<T>(T value)
    {
        GC.KeepAlive(this);
        return value;
    }

    private void Check(int status, string what)
    {
        GC.KeepAlive(this);
        if (status != 0) throw new TorchException($"{what} on {TensorDescription.Of(this)}: {TorchNative.LastError()}");
    }
}
