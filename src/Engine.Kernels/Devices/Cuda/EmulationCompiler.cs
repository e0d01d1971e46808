using System.Diagnostics;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// Makes shared libraries for <see cref="EmulatedCudaDriver"/> from kernels' sources with g++ and the emulation header (macro <c>ENG_CUDA_EMULATED</c>).
/// Only for machines without a GPU; nothing that is shipped needs it.
/// </summary>
public sealed class EmulationCompiler : ICudaCompiler
{
    private static readonly string[] s_options =
        ["-x", "c++", "-std=c++17", "-O2", "-march=native", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-gnu-unique", "-Wall", "-Wno-unknown-pragmas"];

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
    public CudaImage Compile(CudaKernel kernel, string architecture)
    {
        string source = CudaSources.Of(kernel);
        List<string> options = [.. s_options, "-DENG_CUDA_EMULATED=1", .. kernel.Defines.Select(define => $"-D{define.Name}={define.Value}")];
        var cache = new CudaCache(_folder);
        string key = CudaCache.Key([source, .. CudaCache.HeaderTexts(), .. options, _version, Processor()]);
        string path = cache.PathOf(key, ".so", target =>
        {
            string folder = Directory.CreateTempSubdirectory("engine-emulation-").FullName;
            try
            {
                foreach (var (name, text) in CudaSources.Headers)
                {
                    string header = Path.Combine(folder, name);
                    Directory.CreateDirectory(Path.GetDirectoryName(header)!);
                    File.WriteAllText(header, text);
                }

                string file = Path.Combine(folder, Path.GetFileName(kernel.Source));
                File.WriteAllText(file, source);
                var (status, log) = Run(_compiler, [.. options, "-I", folder, file, "-o", target]);
                if (status != 0) throw new CudaException("g++", status, $"{kernel} does not compile for the emulation:\n{log}");
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        return new CudaImage(kernel.ToString(), path, []);
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
