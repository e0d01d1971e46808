namespace Engine.Runtime.Interop;

/// <summary>Finds ONNX Runtime's shared library and says which one is in use.</summary>
public static class OnnxRuntimeLibrary
{
    /// <summary>File name as the runtime's own packages ship it.</summary>
    public const string FileName = "libonnxruntime.so.1";

    /// <summary>Version of the loaded library, e.g. <c>1.30.0</c>; loads it.</summary>
    /// <exception cref="DllNotFoundException">There is none, or it is too old.</exception>
    public static string Version => OnnxRuntimeApi.Version;

    /// <summary>Full path of the CUDA provider that the library would load, or null: then graphs run on the processor only.</summary>
    /// <exception cref="DllNotFoundException">There is no library.</exception>
    public static string? CudaProvider =>
        Path.Combine(Path.GetDirectoryName(Find())!, "libonnxruntime_providers_cuda.so") is var provider && File.Exists(provider) ? provider : null;

    /// <summary>
    /// Full path of the library: what the environment variable <c>ENGINE_ONNXRUNTIME</c> names (a file, or a folder that holds
    /// <see cref="FileName"/>), else <see cref="FileName"/> in <c>ENGINE_NATIVE</c>, beside the program, or in <c>artifacts/native</c> of the checkout.
    /// </summary>
    /// <exception cref="DllNotFoundException">It is nowhere; the message says how to get it.</exception>
    public static string Find() => TryFind() ?? throw new DllNotFoundException(
        $"{FileName} was not found (looked in $ENGINE_NATIVE, beside the program and in artifacts/native). " +
        "Run ./engine doctor, which fetches it, or set ENGINE_ONNXRUNTIME to a library of your own.");

    /// <summary>As <see cref="Find"/>, or null where the library is absent.</summary>
    /// <exception cref="DllNotFoundException"><c>ENGINE_ONNXRUNTIME</c> is set and there is nothing at that path.</exception>
    public static string? TryFind()
    {
        if (Environment.GetEnvironmentVariable("ENGINE_ONNXRUNTIME") is { Length: > 0 } named)
        {
            if (File.Exists(named)) return Path.GetFullPath(named);
            string inside = Path.Combine(named, FileName);
            if (File.Exists(inside)) return Path.GetFullPath(inside);
            throw new DllNotFoundException(
                $"ENGINE_ONNXRUNTIME is '{named}', which is neither a library nor a folder that holds {FileName}. Correct it or unset it.");
        }

        if (Environment.GetEnvironmentVariable("ENGINE_NATIVE") is { Length: > 0 } folder && File.Exists(Path.Combine(folder, FileName)))
            return Path.GetFullPath(Path.Combine(folder, FileName));
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, FileName))) return Path.Combine(at.FullName, FileName);
            string fetched = Path.Combine(at.FullName, "artifacts", "native", FileName);
            if (File.Exists(fetched)) return fetched;
        }

        return null;
    }
}
