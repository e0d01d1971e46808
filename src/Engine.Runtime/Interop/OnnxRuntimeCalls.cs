using System.Runtime.InteropServices;
using Engine.Runtime.Onnx;
using static Engine.Runtime.Interop.OnnxRuntimeApi;

namespace Engine.Runtime.Interop;

/// <summary>The calls that <see cref="OnnxSession"/> and <see cref="OnnxTensor"/> make, typed.</summary>
internal static unsafe class OnnxRuntimeCalls
{
    internal static OnnxSessionHandle CreateSession(string path, OnnxSessionOptions options)
    {
        nint session, native = CreateOptions(options);
        byte* name = Utf8(path);
        try
        {
            Check(((delegate* unmanaged<nint, byte*, nint, nint*, nint>)Table[Slot.CreateSession])(OnnxRuntimeApi.Environment, name, native, &session));
            return new OnnxSessionHandle(session);
        }
        finally
        {
            NativeMemory.Free(name);
            ReleaseOptions(native);
        }
    }

    internal static OnnxSessionHandle CreateSession(ReadOnlySpan<byte> model, OnnxSessionOptions options)
    {
        nint session, native = CreateOptions(options);
        try
        {
            fixed (byte* bytes = model)
            {
                Check(((delegate* unmanaged<nint, byte*, nuint, nint, nint*, nint>)Table[Slot.CreateSessionFromArray])(
                    OnnxRuntimeApi.Environment, bytes, (nuint)model.Length, native, &session));
            }

            return new OnnxSessionHandle(session);
        }
        finally
        {
            ReleaseOptions(native);
        }
    }

    internal static OnnxTensorInfo[] Describe(OnnxSessionHandle session, bool inputs)
    {
        nint handle = session.DangerousGetHandle();
        nuint count;
        Check(((delegate* unmanaged<nint, nuint*, nint>)Table[inputs ? Slot.SessionGetInputCount : Slot.SessionGetOutputCount])(handle, &count));
        var infos = new OnnxTensorInfo[count];
        for (nuint i = 0; i < count; i++)
        {
            nint name, type, tensor;
            Check(((delegate* unmanaged<nint, nuint, nint, nint*, nint>)Table[inputs ? Slot.SessionGetInputName : Slot.SessionGetOutputName])(
                handle, i, Allocator, &name));
            string text = Marshal.PtrToStringUTF8(name)!;
            Check(((delegate* unmanaged<nint, nint, nint>)Table[Slot.AllocatorFree])(Allocator, name));

            Check(((delegate* unmanaged<nint, nuint, nint*, nint>)Table[inputs ? Slot.SessionGetInputTypeInfo : Slot.SessionGetOutputTypeInfo])(
                handle, i, &type));
            try
            {
                Check(((delegate* unmanaged<nint, nint*, nint>)Table[Slot.CastTypeInfoToTensorInfo])(type, &tensor));
                if (tensor == 0) throw new NotSupportedException($"'{text}' of the model is not a tensor; only tensors are supported as inputs and outputs.");
                var (element, shape, symbols) = ReadInfo(tensor, symbolic: true);
                infos[i] = new OnnxTensorInfo(text, element, shape, symbols);
            }
            finally
            {
                ((delegate* unmanaged<nint, void>)Table[Slot.ReleaseTypeInfo])(type);
            }
        }

        return infos;
    }

    internal static OnnxValueHandle CreateValue(OnnxElementType type, ReadOnlySpan<long> shape, nuint bytes, out void* memory)
    {
        memory = NativeMemory.AlignedAlloc(Math.Max(bytes, 64), 64);
        NativeMemory.Clear(memory, bytes);
        try
        {
            nint value;
            fixed (long* dims = shape)
            {
                Check(((delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint>)Table[Slot.CreateTensorWithDataAsOrtValue])(
                    CpuMemory, memory, bytes, dims, (nuint)shape.Length, (int)type, &value));
            }

            return new OnnxValueHandle(value, memory);
        }
        catch
        {
            NativeMemory.AlignedFree(memory);
            throw;
        }
    }

    /// <summary>A value over memory of a GPU, which stays the caller's.</summary>
    internal static OnnxValueHandle CreateDeviceValue(OnnxElementType type, ReadOnlySpan<long> shape, nuint bytes, ulong address, int device)
    {
        const int deviceAllocator = 0, memTypeDefault = 0;
        nint memory, value;
        fixed (byte* name = "Cuda\0"u8)
            Check(((delegate* unmanaged<byte*, int, int, int, nint*, nint>)Table[Slot.CreateMemoryInfo])(name, deviceAllocator, device, memTypeDefault, &memory));
        try
        {
            fixed (long* dims = shape)
            {
                Check(((delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint>)Table[Slot.CreateTensorWithDataAsOrtValue])(
                    memory, (void*)address, bytes, dims, (nuint)shape.Length, (int)type, &value));
            }

            return new OnnxValueHandle(value, null);
        }
        finally
        {
            ((delegate* unmanaged<nint, void>)Table[Slot.ReleaseMemoryInfo])(memory);
        }
    }

    /// <summary>Type, shape and data of a value that the runtime has allocated.</summary>
    internal static (OnnxElementType Type, long[] Shape, nint Data) Inspect(nint value)
    {
        nint info, data;
        Check(((delegate* unmanaged<nint, nint*, nint>)Table[Slot.GetTensorTypeAndShape])(value, &info));
        try
        {
            var (type, shape, _) = ReadInfo(info, symbolic: false);
            Check(((delegate* unmanaged<nint, nint*, nint>)Table[Slot.GetTensorMutableData])(value, &data));
            return (type, shape, data);
        }
        finally
        {
            ((delegate* unmanaged<nint, void>)Table[Slot.ReleaseTensorTypeAndShapeInfo])(info);
        }
    }

    /// <summary>Runs a session; an entry of <paramref name="outputs"/> that is 0 is allocated by the runtime and written back.</summary>
    internal static void Run(OnnxSessionHandle session, byte** inputNames, ReadOnlySpan<nint> inputs, byte** outputNames, Span<nint> outputs)
    {
        bool added = false;
        try
        {
            session.DangerousAddRef(ref added);
            fixed (nint* from = inputs, to = outputs)
            {
                Check(((delegate* unmanaged<nint, nint, byte**, nint*, nuint, byte**, nuint, nint*, nint>)Table[Slot.Run])(
                    session.DangerousGetHandle(), 0, inputNames, from, (nuint)inputs.Length, outputNames, (nuint)outputs.Length, to));
            }
        }
        finally
        {
            if (added) session.DangerousRelease();
        }
    }

    private static nint CreateOptions(OnnxSessionOptions options)
    {
        const int sequential = 1, optimiseAll = 99, optimiseNone = 0;
        nint native;
        Check(((delegate* unmanaged<nint*, nint>)Table[Slot.CreateSessionOptions])(&native));
        try
        {
            Check(((delegate* unmanaged<nint, int, nint>)Table[Slot.SetIntraOpNumThreads])(native, options.Threads));
            Check(((delegate* unmanaged<nint, int, nint>)Table[Slot.SetInterOpNumThreads])(native, sequential));
            Check(((delegate* unmanaged<nint, int, nint>)Table[Slot.SetSessionGraphOptimizationLevel])(
                native, options.Optimise ? optimiseAll : optimiseNone));
            fixed (byte* key = "session.intra_op.allow_spinning\0"u8, yes = "1\0"u8, no = "0\0"u8)
            {
                Check(((delegate* unmanaged<nint, byte*, byte*, nint>)Table[Slot.AddSessionConfigEntry])(
                    native, key, options.AllowSpinning ? yes : no));
            }

            if (options.CudaDevice is { } device) AppendCuda(native, device);
            return native;
        }
        catch
        {
            ReleaseOptions(native);
            throw;
        }
    }

    private static void AppendCuda(nint options, int device)
    {
        nint cuda = 0;
        byte* number = Utf8(device.ToString(System.Globalization.CultureInfo.InvariantCulture));
        try
        {
            Check(((delegate* unmanaged<nint*, nint>)Table[Slot.CreateCudaOptions])(&cuda));
            fixed (byte* key = "device_id\0"u8)
                Check(((delegate* unmanaged<nint, byte**, byte**, nuint, nint>)Table[Slot.UpdateCudaOptions])(cuda, &key, &number, 1));
            Check(((delegate* unmanaged<nint, nint, nint>)Table[Slot.AppendCudaProvider])(options, cuda));
        }
        catch (OnnxRuntimeException error)
        {
            throw new NotSupportedException(
                $"{OnnxRuntimeApi.Path} (ONNX Runtime {OnnxRuntimeApi.Version}) cannot use GPU {device}: set ENGINE_ONNXRUNTIME to a build that has its CUDA provider beside it, or run on the processor. {error.Message}", error);
        }
        finally
        {
            NativeMemory.Free(number);
            if (cuda != 0) ((delegate* unmanaged<nint, void>)Table[Slot.ReleaseCudaOptions])(cuda);
        }
    }

    private static void ReleaseOptions(nint options) => ((delegate* unmanaged<nint, void>)Table[Slot.ReleaseSessionOptions])(options);

    private static (OnnxElementType Type, long[] Shape, string[] Symbols) ReadInfo(nint info, bool symbolic)
    {
        int type;
        nuint rank;
        Check(((delegate* unmanaged<nint, int*, nint>)Table[Slot.GetTensorElementType])(info, &type));
        Check(((delegate* unmanaged<nint, nuint*, nint>)Table[Slot.GetDimensionsCount])(info, &rank));
        long[] shape = new long[rank];
        string[] symbols = symbolic ? new string[rank] : [];
        fixed (long* dims = shape) Check(((delegate* unmanaged<nint, long*, nuint, nint>)Table[Slot.GetDimensions])(info, dims, rank));
        if (symbolic)
        {
            nint[] names = new nint[rank];
            fixed (nint* at = names) Check(((delegate* unmanaged<nint, nint*, nuint, nint>)Table[Slot.GetSymbolicDimensions])(info, at, rank));
            for (int i = 0; i < names.Length; i++) symbols[i] = Marshal.PtrToStringUTF8(names[i]) ?? "";
        }

        return ((OnnxElementType)type, shape, symbols);
    }
}
