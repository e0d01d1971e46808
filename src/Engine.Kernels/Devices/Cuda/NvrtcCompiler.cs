using System.Globalization;
using Engine.Kernels.Interop;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// Compiles kernels with NVIDIA's run-time compiler. Cubins stand in a <see cref="CudaCache"/> under source, headers, options, compiler, driver and
/// architecture. For an architecture that is newer than the compiler, PTX of its newest one is made, which the driver translates when it loads it.
/// </summary>
public sealed class NvrtcCompiler : ICudaCompiler
{
    private static readonly string[] s_names = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"];

    private readonly CudaNvrtc _nvrtc;
    private readonly CudaCache _cache;
    private readonly string _driver;
    private readonly int[] _architectures;

    private NvrtcCompiler(CudaNvrtc nvrtc, string path, string folder, string driver)
    {
        _nvrtc = nvrtc;
        _cache = new CudaCache(folder);
        _driver = driver;
        _architectures = nvrtc.Architectures();
        var (major, minor) = nvrtc.Version();
        Version = $"{major}.{minor}";
        LibraryPath = path;
    }

    /// <inheritdoc/>
    public string Name => $"NVRTC {Version}";

    /// <summary>The compiler's version, e.g. 12.4.</summary>
    public string Version { get; }

    /// <summary>Where the library was found.</summary>
    public string LibraryPath { get; }

    /// <summary>
    /// The compiler that <c>ENGINE_NVRTC</c> names; or else an installed one; or else the one that the launcher put into <c>artifacts/native/nvrtc</c>.
    /// Null where there is none.
    /// </summary>
    /// <param name="driver">Name and version of the driver that will load the kernels; part of the cache's key.</param>
    /// <param name="folder">Of the cache; <see cref="CudaCache.DefaultFolder"/> when null.</param>
    /// <exception cref="CudaException"><c>ENGINE_NVRTC</c> names something that is no NVRTC.</exception>
    public static NvrtcCompiler? TryFind(string driver = "none", string? folder = null)
    {
        string? own = Environment.GetEnvironmentVariable("ENGINE_NVRTC");
        foreach (string path in string.IsNullOrEmpty(own) ? Candidates() : [own])
        {
            try
            {
                return new NvrtcCompiler(CudaNvrtc.Load(path), path, folder ?? CudaCache.DefaultFolder, driver);
            }
            catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException or DirectoryNotFoundException)
            {
                if (path == own) throw new CudaException("dlopen", -1, $"ENGINE_NVRTC is {own}, which is no NVRTC of CUDA 11.2 or newer: {error.Message}", error);
            }
        }

        return null;
    }

    /// <summary>Whether it makes cubins for an architecture such as <c>sm_100</c>.</summary>
    public bool Knows(string architecture) => _architectures.Contains(Number(architecture));

    /// <inheritdoc/>
    public CudaImage Compile(CudaKernel kernel, string architecture)
    {
        bool ptx = !Knows(architecture);
        if (ptx && Number(architecture) < _architectures.Max())
            throw new CudaException("nvrtcCompileProgram", -1, $"{Name} does not compile for {architecture}; it knows {string.Join(", ", _architectures)}.");
        string source = CudaSources.Of(kernel), target = ptx ? $"compute_{_architectures.Max()}" : architecture;
        List<string> options = [$"--gpu-architecture={target}", "--std=c++17", "-default-device", "-lineinfo", .. kernel.Defines.Select(define => $"-D{define.Name}={define.Value}")];
        if (kernel.FastMath) options.Add("--use_fast_math");
        string key = CudaCache.Key([kernel.Source, source, .. Headers().SelectMany(header => new[] { header.Key, header.Value }), .. options, Name, _driver, architecture]);
        string path = _cache.PathOf(key, ptx ? ".ptx" : ".cubin", file =>
        {
            var (status, image, log) = _nvrtc.Compile(kernel.Source, source, [.. Headers()], options, ptx);
            if (status != 0) throw new CudaException("nvrtcCompileProgram", status, $"{kernel} does not compile for {target} with {Name} ({_nvrtc.ErrorText(status)}):\n{log}");
            File.WriteAllBytes(file, image);
        });
        return new CudaImage(kernel.ToString(), path, File.ReadAllBytes(path));
    }

    // What g++ needs for the emulation is no reason to compile again.
    private static IEnumerable<KeyValuePair<string, string>> Headers() =>
        CudaSources.Headers.Where(header => header.Key.EndsWith(".cuh", StringComparison.Ordinal)).OrderBy(header => header.Key, StringComparer.Ordinal);

    private static int Number(string architecture) => int.Parse(architecture.AsSpan(3).TrimEnd("af"), CultureInfo.InvariantCulture);

    private static IEnumerable<string> Candidates()
    {
        foreach (string name in s_names) yield return name;
        foreach (string folder in new[] { "/usr/local/cuda/lib64", "/opt/cuda/lib64" })
        {
            foreach (string name in s_names.Where(name => File.Exists(Path.Combine(folder, name)))) yield return Path.Combine(folder, name);
        }

        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            foreach (string folder in new[] { "nvrtc", Path.Combine("artifacts", "native", "nvrtc") })
            {
                foreach (string name in s_names)
                {
                    string path = Path.Combine(at.FullName, folder, name);
                    if (File.Exists(path)) yield return path;
                }
            }
        }
    }
}
