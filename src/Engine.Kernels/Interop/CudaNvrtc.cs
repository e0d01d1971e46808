using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Kernels.Interop;

/// <summary>The functions of NVIDIA's run-time compiler, from a library that is found at run time. Callers give NUL-terminated text.</summary>
internal sealed unsafe class CudaNvrtc
{
    private readonly delegate* unmanaged[Cdecl]<int, byte*> _errorString;
    private readonly delegate* unmanaged[Cdecl]<int*, int*, int> _version;
    private readonly delegate* unmanaged[Cdecl]<int*, int> _architectureCount, _architectures;
    private readonly delegate* unmanaged[Cdecl]<nint*, byte*, byte*, int, byte**, byte**, int> _create;
    private readonly delegate* unmanaged[Cdecl]<nint*, int> _destroy;
    private readonly delegate* unmanaged[Cdecl]<nint, int, byte**, int> _compile;
    private readonly delegate* unmanaged[Cdecl]<nint, nuint*, int> _logSize, _cubinSize, _ptxSize;
    private readonly delegate* unmanaged[Cdecl]<nint, byte*, int> _log, _cubin, _ptx;

    private CudaNvrtc(nint library)
    {
        nint Of(string name) => NativeLibrary.GetExport(library, name);
        _errorString = (delegate* unmanaged[Cdecl]<int, byte*>)Of("nvrtcGetErrorString");
        _version = (delegate* unmanaged[Cdecl]<int*, int*, int>)Of("nvrtcVersion");
        _architectureCount = (delegate* unmanaged[Cdecl]<int*, int>)Of("nvrtcGetNumSupportedArchs");
        _architectures = (delegate* unmanaged[Cdecl]<int*, int>)Of("nvrtcGetSupportedArchs");
        _create = (delegate* unmanaged[Cdecl]<nint*, byte*, byte*, int, byte**, byte**, int>)Of("nvrtcCreateProgram");
        _destroy = (delegate* unmanaged[Cdecl]<nint*, int>)Of("nvrtcDestroyProgram");
        _compile = (delegate* unmanaged[Cdecl]<nint, int, byte**, int>)Of("nvrtcCompileProgram");
        _logSize = (delegate* unmanaged[Cdecl]<nint, nuint*, int>)Of("nvrtcGetProgramLogSize");
        _log = (delegate* unmanaged[Cdecl]<nint, byte*, int>)Of("nvrtcGetProgramLog");
        _cubinSize = (delegate* unmanaged[Cdecl]<nint, nuint*, int>)Of("nvrtcGetCUBINSize");
        _cubin = (delegate* unmanaged[Cdecl]<nint, byte*, int>)Of("nvrtcGetCUBIN");
        _ptxSize = (delegate* unmanaged[Cdecl]<nint, nuint*, int>)Of("nvrtcGetPTXSize");
        _ptx = (delegate* unmanaged[Cdecl]<nint, byte*, int>)Of("nvrtcGetPTX");
    }

    /// <summary>Loads a library by path or by name.</summary>
    /// <exception cref="DllNotFoundException">It cannot be loaded.</exception>
    /// <exception cref="EntryPointNotFoundException">It is older than CUDA 11.2.</exception>
    public static CudaNvrtc Load(string path)
    {
        // The compiler opens its second half by bare name, which the loader finds only when it is loaded already.
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
        {
            foreach (string builtins in Directory.GetFiles(folder, "libnvrtc-builtins.so*")) NativeLibrary.TryLoad(builtins, out _);
        }

        return new CudaNvrtc(NativeLibrary.Load(path));
    }

    public string ErrorText(int status) => Marshal.PtrToStringUTF8((nint)_errorString(status)) ?? $"error {status}";

    public (int Major, int Minor) Version()
    {
        int major = 0, minor = 0;
        Require(_version(&major, &minor), "nvrtcVersion");
        return (major, minor);
    }

    /// <summary>Numbers of the architectures that it compiles for, e.g. 80, 90.</summary>
    public int[] Architectures()
    {
        int count = 0;
        Require(_architectureCount(&count), "nvrtcGetNumSupportedArchs");
        var numbers = new int[Math.Clamp(count, 0, 1024)];
        fixed (int* at = numbers) Require(_architectures(at), "nvrtcGetSupportedArchs");
        return numbers;
    }

    /// <summary>Compiles; returns the status, the image (cubin or PTX, empty on failure) and the log.</summary>
    public (int Status, byte[] Image, string Log) Compile(string name, string source, IReadOnlyList<KeyValuePair<string, string>> headers, IReadOnlyList<string> options, bool ptx)
    {
        var pins = new List<GCHandle>();
        byte* Text(string text)
        {
            var handle = GCHandle.Alloc(Encoding.UTF8.GetBytes(text + '\0'), GCHandleType.Pinned);
            pins.Add(handle);
            return (byte*)handle.AddrOfPinnedObject();
        }

        nint program = 0;
        byte** texts = stackalloc byte*[headers.Count + 1], names = stackalloc byte*[headers.Count + 1], flags = stackalloc byte*[options.Count + 1];
        try
        {
            for (int i = 0; i < headers.Count; i++)
            {
                names[i] = Text(headers[i].Key);
                texts[i] = Text(headers[i].Value);
            }

            for (int i = 0; i < options.Count; i++) flags[i] = Text(options[i]);
            Require(_create(&program, Text(source), Text(name), headers.Count, texts, names), "nvrtcCreateProgram");
            int status = _compile(program, options.Count, flags);
            string log = Encoding.UTF8.GetString(Bytes(program, _logSize, _log, "nvrtcGetProgramLog")).TrimEnd('\0', '\n');
            if (status != 0) return (status, [], log);
            return (0, ptx ? Bytes(program, _ptxSize, _ptx, "nvrtcGetPTX") : Bytes(program, _cubinSize, _cubin, "nvrtcGetCUBIN"), log);
        }
        finally
        {
            if (program != 0) _destroy(&program);
            foreach (GCHandle pin in pins) pin.Free();
        }
    }

    private byte[] Bytes(nint program, delegate* unmanaged[Cdecl]<nint, nuint*, int> size, delegate* unmanaged[Cdecl]<nint, byte*, int> get, string call)
    {
        nuint length = 0;
        Require(size(program, &length), call + "Size");
        var bytes = new byte[checked((int)length)];
        fixed (byte* at = bytes) Require(get(program, at), call);
        return bytes;
    }

    private void Require(int status, string call)
    {
        if (status != 0) throw new Devices.Cuda.CudaException(call, status, $"{call}: {ErrorText(status)}");
    }
}
