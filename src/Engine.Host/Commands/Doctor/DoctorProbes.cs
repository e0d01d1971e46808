using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Engine.Host.Commands.Doctor;

/// <summary>What <c>engine doctor</c> looks at, in the order of its output.</summary>
public static class DoctorProbes
{
    public static IReadOnlyList<Func<IEnumerable<DoctorFinding>>> All { get; } = [Program, Processor, Surroundings, KernelProbes.All, CudaProbes.All, NativeProbes.All, Packages, Tools];

    private static IEnumerable<DoctorFinding> Program()
    {
        const string group = "Program";
        string version = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
        yield return new(group, "Engine", DoctorState.Present, version.Split('+')[0], AppContext.BaseDirectory);
        yield return new(group, ".NET", DoctorState.Present, Environment.Version.ToString(), RuntimeEnvironment.GetRuntimeDirectory());
        yield return new(group, "System", DoctorState.Present, $"{OperatingSystemName()}, {RuntimeInformation.OSArchitecture}");
        yield return GCSettings.IsServerGC
            ? new(group, "Garbage collector", DoctorState.Advice, "server", null, "start through ./engine, which turns the server collector off")
            : new(group, "Garbage collector", DoctorState.Present, "workstation");
    }

    private static IEnumerable<DoctorFinding> Processor()
    {
        const string group = "Processor";
        yield return new(group, "Model", DoctorState.Present, ProcessorModel());
        yield return new(group, "Threads", DoctorState.Present, Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture));
        double memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1L << 30);
        yield return new(group, "Memory", DoctorState.Present, string.Create(CultureInfo.InvariantCulture, $"{memory:0.0} GiB"));
        (string Name, bool Supported)[] features =
        [
            ("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported), ("F16C", HasFlag("f16c")), ("AVX-512F", Avx512F.IsSupported),
            ("AVX-512BW", Avx512BW.IsSupported), ("AVX-512VL", Avx512F.VL.IsSupported), ("AVX-512VNNI", HasFlag("avx512_vnni")),
            ("AVX-512BF16", HasFlag("avx512_bf16")), ("AMX-BF16", HasFlag("amx_bf16")),
        ];
        yield return new(group, "Features", DoctorState.Present, string.Join(' ', features.Where(feature => feature.Supported).Select(feature => feature.Name)));
        string absent = string.Join(' ', features.Where(feature => !feature.Supported).Select(feature => feature.Name));
        if (absent.Length > 0) yield return new(group, "Absent", DoctorState.Present, absent);
    }

    private static IEnumerable<DoctorFinding> Surroundings()
    {
        const string group = "Environment";
        foreach (var (name, wanted) in new[] { ("OMP_WAIT_POLICY", "passive"), ("LP_NUM_THREADS", "0") })
        {
            string? value = Environment.GetEnvironmentVariable(name);
            yield return value == wanted
                ? new(group, name, DoctorState.Present, value)
                : new(group, name, DoctorState.Advice, value ?? "not set", null, $"start through ./engine, which sets it to {wanted}");
        }

        string? core = Environment.GetEnvironmentVariable("OPENBLAS_CORETYPE");
        yield return Avx512F.IsSupported && core is not "SkylakeX"
            ? new(group, "OPENBLAS_CORETYPE", DoctorState.Advice, core ?? "not set", null, "start through ./engine, which sets it to SkylakeX on AVX-512 machines")
            : new(group, "OPENBLAS_CORETYPE", DoctorState.Present, core ?? "not set");
    }

    private static IEnumerable<DoctorFinding> Packages() =>
        PackageVersions().Select(package => new DoctorFinding("System packages", package.Name, DoctorState.Present, package.Version));

    private static IEnumerable<DoctorFinding> Tools()
    {
        string? version = FirstLine("ffmpeg", "-version");
        yield return version is null
            ? new("Tools", "ffmpeg", DoctorState.Missing, "not found; needed to read videos", null, "sudo apt-get install -y ffmpeg")
            : new("Tools", "ffmpeg", DoctorState.Present, version.Split(' ') is [_, _, var number, ..] ? number : version, OnPath("ffmpeg"));
    }

    /// <summary>System packages and versions that the launcher found, or nothing where it did not look.</summary>
    private static IEnumerable<(string Name, string Version)> PackageVersions()
    {
        if (VerbContext.Checkout is not { } checkout) yield break;
        string file = Path.Combine(checkout, "artifacts", "stamps", "packages");
        if (!File.Exists(file)) yield break;
        foreach (string line in File.ReadLines(file))
        {
            if (line.Split('\t') is [var name, var version]) yield return (name.Split(':')[0], version);
        }
    }

    private static string OperatingSystemName()
    {
        const string file = "/etc/os-release";
        string? pretty = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(line => line.StartsWith("PRETTY_NAME=", StringComparison.Ordinal)) : null;
        return pretty is null ? RuntimeInformation.OSDescription : pretty["PRETTY_NAME=".Length..].Trim('"');
    }

    private static string ProcessorModel() => ProcessorFact("model name") ?? RuntimeInformation.ProcessArchitecture.ToString();

    private static bool HasFlag(string flag) => ProcessorFact("flags")?.Split(' ').Contains(flag) ?? false;

    private static string? ProcessorFact(string key)
    {
        const string file = "/proc/cpuinfo";
        if (!File.Exists(file)) return null;
        string? line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal));
        return line is null ? null : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }

    private static string? FirstLine(string program, string argument)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, argument) { RedirectStandardOutput = true, RedirectStandardError = true });
            string? line = process?.StandardOutput.ReadLine();
            process?.StandardOutput.ReadToEnd();
            process?.WaitForExit();
            return line;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static string? OnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Where(folder => folder.Length > 0).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
