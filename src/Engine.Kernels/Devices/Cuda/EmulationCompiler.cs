using System.Diagnostics;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// Makes shared libraries for <see cref="EmulatedCudaDriver"/> from kernels' sources with g++ and the emulation header (macro <c>ENGINE_EMULATE</c>).
/// Only for machines without a GPU; nothing that is shipped needs it.
/// </summary>
public sealed class EmulationCompiler : ICudaCompiler
{
    private static readonly string[] s_options =
        ["-x", "c++", "-std=c++17", "-O1", "-march=native", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-gnu-unique", "-Wall", "-Wno-unknown-pragmas"];

    private readonly string _folder, _compiler, _version;

    private EmulationCompiler(string folder, string compiler, string version)
    {
        _folder = folder;
        _compiler = compiler;
        _version = version;
    }

    /// <inheritdoc/>
    public string Name => $"g++ {_version}";

    /// <summary>The compiler, with its cache below <paramref name="folder"/> (null: <see cref="CudaCache.DefaultFolder"/>); null where there is no g++.</summary>
    public static EmulationCompiler? TryFind(string? folder = null)
    {
        try
        {
            var (status, output) = Run("g++", ["-dumpfullversion"]);
            return status == 0 ? new EmulationCompiler(folder ?? CudaCache.DefaultFolder, "g++", output.Trim()) : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public CudaImage Compile(CudaKernel kernel, string architecture) => Compile(kernel.ToString(), kernel.Source, CudaSources.Of(kernel), kernel.Defines);

    /// <summary>The same for a source that is not an operation's.</summary>
    internal CudaImage Compile(string name, string sourceName, string source, IReadOnlyList<CudaDefine> defines)
    {
        List<string> options = [.. s_options, "-DENGINE_EMULATE=1", .. defines.Select(define => $"-D{define.Name}={define.Value}")];
        var cache = new CudaCache(_folder);
        string key = CudaCache.Key([source, .. CudaCache.HeaderTexts(), .. options, _version, Processor()]);
        string path = cache.PathOf(key, ".so", target =>
        {
            string folder = Directory.CreateTempSubdirectory("engine-emulation-").FullName;
            try
            {
                foreach (var (headerName, text) in CudaSources.Headers)
                {
                    string header = Path.Combine(folder, headerName);
                    Directory.CreateDirectory(Path.GetDirectoryName(header)!);
                    File.WriteAllText(header, text);
                }

                string file = Path.Combine(folder, Path.GetFileName(sourceName));
                File.WriteAllText(file, source);
                var (status, log) = Run(_compiler, [.. options, "-I", folder, file, "-o", target]);
                if (status != 0) throw new CudaException("g++", status, $"{name} does not compile for the emulation:\n{log}");
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        return new CudaImage(name, path, []);
    }

    private static (int Status, string Output) Run(string program, IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }

    /// <summary>What -march=native depends on, so that a cache shared between machines serves no foreign instructions.</summary>
    private static string Processor() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal)) ?? ""
        : "";
}
