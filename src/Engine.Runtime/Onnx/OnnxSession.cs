using System.Runtime.InteropServices;
using Engine.Runtime.Interop;

namespace Engine.Runtime.Onnx;

/// <summary>
/// A loaded ONNX model. Inputs and outputs are passed in the order of <see cref="Inputs"/> and <see cref="Outputs"/>.
/// Several threads may run one session at the same time, each with tensors of its own.
/// </summary>
public sealed unsafe class OnnxSession : IDisposable
{
    private readonly OnnxSessionHandle _handle;
    private readonly Names _inputNames;
    private readonly Names _outputNames;

    private OnnxSession(OnnxSessionHandle handle)
    {
        _handle = handle;
        try
        {
            Inputs = OnnxRuntimeCalls.Describe(handle, inputs: true);
            Outputs = OnnxRuntimeCalls.Describe(handle, inputs: false);
        }
        catch
        {
            handle.Dispose();
            throw;
        }

        _inputNames = new Names(Inputs);
        _outputNames = new Names(Outputs);
    }

    /// <summary>The model's inputs.</summary>
    public IReadOnlyList<OnnxTensorInfo> Inputs { get; }

    /// <summary>The model's outputs.</summary>
    public IReadOnlyList<OnnxTensorInfo> Outputs { get; }

    internal bool IsDisposed => _handle.IsClosed;

    /// <summary>Loads a model from a file.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="OnnxRuntimeException">The runtime refuses the model.</exception>
    /// <exception cref="DllNotFoundException">ONNX Runtime is not installed.</exception>
    public static OnnxSession FromFile(string path, OnnxSessionOptions? options = null)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"there is no ONNX model at '{path}'.", path);
        return new OnnxSession(OnnxRuntimeCalls.CreateSession(path, Valid(options)));
    }

    /// <summary>Loads a model from its bytes.</summary>
    /// <exception cref="OnnxRuntimeException">The runtime refuses the model.</exception>
    /// <exception cref="DllNotFoundException">ONNX Runtime is not installed.</exception>
    public static OnnxSession FromBytes(ReadOnlySpan<byte> model, OnnxSessionOptions? options = null)
    {
        if (model.IsEmpty) throw new ArgumentException("the model has no bytes.", nameof(model));
        return new OnnxSession(OnnxRuntimeCalls.CreateSession(model, Valid(options)));
    }

    /// <summary>Runs the model into tensors of the caller. Allocates nothing on the managed heap.</summary>
    /// <exception cref="ArgumentException">The number of tensors is not that of the model's inputs or outputs.</exception>
    /// <exception cref="OnnxRuntimeException">A type or shape does not fit, or the run failed.</exception>
    public void Run(ReadOnlySpan<OnnxTensor> inputs, ReadOnlySpan<OnnxTensor> outputs)
    {
        CheckCounts(inputs.Length, outputs.Length);
        Span<nint> from = stackalloc nint[inputs.Length];
        Span<nint> to = stackalloc nint[outputs.Length];
        Fill(inputs, from, nameof(inputs));
        Fill(outputs, to, nameof(outputs));
        OnnxRuntimeCalls.Run(_handle, _inputNames.Pointers, from, _outputNames.Pointers, to);
        KeepAlive(inputs);
        KeepAlive(outputs);
        GC.KeepAlive(this);
    }

    /// <summary>Runs the model; the runtime allocates the outputs, which the caller disposes.</summary>
    /// <exception cref="ArgumentException">The number of tensors is not that of the model's inputs.</exception>
    /// <exception cref="OnnxRuntimeException">A type or shape does not fit, or the run failed.</exception>
    public OnnxTensor[] Run(params ReadOnlySpan<OnnxTensor> inputs)
    {
        CheckCounts(inputs.Length, Outputs.Count);
        Span<nint> from = stackalloc nint[inputs.Length];
        Span<nint> to = stackalloc nint[Outputs.Count];
        to.Clear();
        Fill(inputs, from, nameof(inputs));
        OnnxRuntimeCalls.Run(_handle, _inputNames.Pointers, from, _outputNames.Pointers, to);
        KeepAlive(inputs);
        GC.KeepAlive(this);
        var results = new OnnxTensor[to.Length];
        for (int i = 0; i < results.Length; i++) results[i] = OnnxTensor.FromRuntime(to[i]);
        return results;
    }

    /// <summary>Frees the model. Runs in progress on other threads finish first.</summary>
    public void Dispose() => _handle.Dispose();

    private static OnnxSessionOptions Valid(OnnxSessionOptions? options)
    {
        options ??= new OnnxSessionOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads, nameof(OnnxSessionOptions.Threads));
        return options;
    }

    private static void Fill(ReadOnlySpan<OnnxTensor> tensors, Span<nint> handles, string name)
    {
        for (int i = 0; i < tensors.Length; i++)
        {
            ArgumentNullException.ThrowIfNull(tensors[i], name);
            ObjectDisposedException.ThrowIf(tensors[i].Handle.IsClosed, tensors[i]);
            handles[i] = tensors[i].Handle.DangerousGetHandle();
        }
    }

    private static void KeepAlive(ReadOnlySpan<OnnxTensor> tensors)
    {
        foreach (var tensor in tensors) GC.KeepAlive(tensor);
    }

    private void CheckCounts(int inputs, int outputs)
    {
        if (inputs != Inputs.Count)
            throw new ArgumentException($"the model has {Inputs.Count} inputs ({string.Join("; ", Inputs)}), {inputs} were given.", nameof(inputs));
        if (outputs != Outputs.Count)
            throw new ArgumentException($"the model has {Outputs.Count} outputs ({string.Join("; ", Outputs)}), {outputs} were given.", nameof(outputs));
    }

    /// <summary>Zero-terminated names in native memory, in the form that Run wants.</summary>
    private sealed class Names
    {
        private readonly int _count;

        internal Names(IReadOnlyList<OnnxTensorInfo> infos)
        {
            _count = infos.Count;
            Pointers = (byte**)NativeMemory.Alloc((nuint)Math.Max(1, _count), (nuint)sizeof(byte*));
            for (int i = 0; i < _count; i++) Pointers[i] = OnnxRuntimeApi.Utf8(infos[i].Name);
        }

        ~Names()
        {
            for (int i = 0; i < _count; i++) NativeMemory.Free(Pointers[i]);
            NativeMemory.Free(Pointers);
        }

        internal byte** Pointers { get; }
    }
}
