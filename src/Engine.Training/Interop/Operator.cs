using System.Runtime.CompilerServices;
using Engine.Training.Torch;

namespace Engine.Training.Interop;

/// <summary>
/// One ATen operator, found by its schema name at its first call and kept for the life of the process.
/// Arguments at the end that are left out take the schema's defaults.
/// </summary>
internal sealed unsafe class Operator(string name, string overload = "")
{
    private const int MaximumArguments = 16;
    private nint _handle;

    private nint Handle => _handle != 0 ? _handle : Resolve();

    /// <summary>Calls an operator that gives one new tensor.</summary>
    /// <exception cref="TorchException">libtorch refused; the message names the operator and the shapes.</exception>
    [SkipLocalsInit]
    public Tensor Invoke(params ReadOnlySpan<Argument> arguments)
    {
        TorchValue result;
        Call(arguments, &result, 1);
        return new Tensor((nint)result.Bits);
    }

    /// <summary>Calls an operator that gives two new tensors.</summary>
    [SkipLocalsInit]
    public (Tensor First, Tensor Second) InvokePair(params ReadOnlySpan<Argument> arguments)
    {
        TorchValue* results = stackalloc TorchValue[2];
        Call(arguments, results, 2);
        return (new Tensor((nint)results[0].Bits), new Tensor((nint)results[1].Bits));
    }

    /// <summary>Calls an operator that changes its first argument and gives it back; that second reference is dropped.</summary>
    [SkipLocalsInit]
    public void InvokeInPlace(params ReadOnlySpan<Argument> arguments)
    {
        TorchValue result;
        if (Call(arguments, &result, 1) == 1 && result.Tag == TorchTag.Tensor) TorchNative.eng_torch_release((nint)result.Bits);
    }

    /// <summary>Calls an operator that gives a list of tensors.</summary>
    [SkipLocalsInit]
    public Tensor[] InvokeToList(params ReadOnlySpan<Argument> arguments)
    {
        TorchValue result;
        Call(arguments, &result, 1);
        var tensors = new Tensor[result.Length];
        for (int i = 0; i < tensors.Length; i++) tensors[i] = new Tensor(((nint*)result.Bits)[i]);
        TorchNative.eng_torch_free_list((nint)result.Bits);
        return tensors;
    }

    /// <summary>Calls an operator whose first argument is a list of tensors and that gives one new tensor.</summary>
    [SkipLocalsInit]
    public Tensor InvokeOnList(ReadOnlySpan<Tensor> tensors, Argument argument)
    {
        Span<nint> handles = tensors.Length <= 32 ? stackalloc nint[tensors.Length] : new nint[tensors.Length];
        for (int i = 0; i < tensors.Length; i++) handles[i] = tensors[i].Handle;
        try
        {
            fixed (nint* list = handles) return Invoke(Argument.Handles(list, handles.Length), argument);
        }
        catch (TorchException exception)
        {
            throw new TorchException($"{exception.Message} The list holds {TensorDescription.Of(tensors)}.");
        }
        finally
        {
            foreach (Tensor tensor in tensors) GC.KeepAlive(tensor);
        }
    }

    [SkipLocalsInit]
    private int Call(ReadOnlySpan<Argument> arguments, TorchValue* results, int capacity)
    {
        if (arguments.Length > MaximumArguments) throw new ArgumentException($"at most {MaximumArguments} arguments", nameof(arguments));
        TorchValue* values = stackalloc TorchValue[MaximumArguments];
        for (int i = 0; i < arguments.Length; i++) values[i] = arguments[i].ToNative();
        int count;
        if (TorchNative.eng_torch_call(Handle, values, arguments.Length, results, capacity, &count) != 0) throw Failure(arguments);
        // Read after the call: until here nothing may finalise what the arguments refer to.
        for (int i = 0; i < arguments.Length; i++) GC.KeepAlive(arguments[i].Tensor);
        return count;
    }

    private TorchException Failure(ReadOnlySpan<Argument> arguments)
    {
        string message = TorchNative.LastError();
        var tensors = new List<Tensor>();
        foreach (Argument argument in arguments)
        {
            if (argument.Tensor is { } tensor) tensors.Add(tensor);
        }

        string on = tensors.Count == 0 ? "" : $" on {TensorDescription.Of([.. tensors])}";
        return new TorchException($"{name}{on}: {message}");
    }

    private nint Resolve()
    {
        TorchRuntime.EnsureInitialised();
        if (TorchNative.eng_torch_operator("aten::" + name, overload, out nint handle) != 0)
            throw new TorchException($"libtorch {TorchRuntime.Version} has no operator {name}.{overload}: {TorchNative.LastError()}");
        return _handle = handle;
    }
}
