using System.Globalization;
using Engine.Host.Realtime;
using Engine.Kernels.Interop;
using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.Interop;
using Engine.Simulation.MuJoCo;
using Engine.Training.Torch;

namespace Engine.Host.Commands.Doctor;

/// <summary>Loads every native part and says its version and where it was found.</summary>
internal static class NativeProbes
{
    private const string Group = "Native parts";

    // The least scene that can be drawn.
    private const string Scene = """<mujoco><worldbody><light pos="0 0 2"/><geom type="sphere" size=".1"/></worldbody></mujoco>""";

    public static IEnumerable<DoctorFinding> All()
    {
        yield return Probe("libtorch (training)", () =>
        {
            string cuda = !TorchRuntime.HasCuda ? "built without CUDA: ENGINE_TORCH_ROOT names another, to train on a GPU"
                : TorchRuntime.CudaDeviceCount is > 0 and var count ? string.Create(CultureInfo.InvariantCulture, $"CUDA with {count} {(count == 1 ? "GPU" : "GPUs")}: train with --device cuda")
                : "CUDA, but it sees no GPU";
            string version = $"{TorchRuntime.Version}, {TorchRuntime.Threads} threads; {cuda}";
            return new(Group, "libtorch (training)", DoctorState.Present, version, Loaded("libtorch_cpu"));
        });
        yield return Shim("eng_torch");
        yield return Probe("ONNX Runtime (policies)", () =>
            new(Group, "ONNX Runtime (policies)", DoctorState.Present, $"{OnnxRuntimeLibrary.Version}, {(OnnxRuntimeLibrary.CudaProvider is null ? "no CUDA provider" : "CUDA provider")}", OnnxRuntimeLibrary.Find()));
        yield return Probe("MuJoCo (simulator)", () =>
        {
            int version = MujocoLibrary.Version;
            string words = string.Create(CultureInfo.InvariantCulture, $"{version / 100}.{version / 10 % 10}.{version % 10}");
            return new(Group, "MuJoCo (simulator)", DoctorState.Present, words, Loaded("libmujoco"));
        });
        yield return Shim("eng_mujoco");
        yield return Probe("OpenGL (rendering)", () =>
        {
            using var model = new MujocoModel(Scene);
            using var renderer = new MujocoRenderer(model, 32, 32, 1);
            return new(Group, "OpenGL (rendering)", DoctorState.Present, renderer.Description, Loaded("libEGL.so") ?? Loaded("libOSMesa"));
        });
        yield return Gemm.HasBfloat16
            ? Shim("eng_kernels") with { Value = "bfloat16 products by AVX-512 BF16" }
            : new(Group, "libeng_kernels.so", DoctorState.Advice, "no AVX-512 BF16 here: --precision bfloat16 cannot be had", null, "float32 is the default and does everything");
        yield return Shim("eng_realtime");
        yield return Probe("Control tick (real time)", () =>
        {
            string permitted = TickProcess.Permissions();
            return permitted == "scheduler=fifo memory=locked"
                ? new(Group, "Control tick (real time)", DoctorState.Present, "SCHED_FIFO and mlockall are permitted")
                : new(Group, "Control tick (real time)", DoctorState.Advice, $"not all is permitted: {permitted}", null, "run as root, or allow it in /etc/security/limits.conf: rtprio 40, memlock unlimited");
        });
    }

    private static DoctorFinding Shim(string library) => NativeLibraryLocator.TryFind(library) is { } path
        ? new(Group, $"lib{library}.so", DoctorState.Present, Built(path), path)
        : new(Group, $"lib{library}.so", DoctorState.Missing, "not found", null, "./engine setup builds it; artifacts/log holds what the build said");

    private static DoctorFinding Probe(string name, Func<DoctorFinding> look)
    {
        try
        {
            return look();
        }
        catch (Exception failure)
        {
            return new(Group, name, DoctorState.Missing, FailureMessage.Describe(failure), null, "./engine setup; artifacts/log holds what it said");
        }
    }

    private static string Built(string path) => string.Create(CultureInfo.InvariantCulture, $"built {File.GetLastWriteTime(path):yyyy-MM-dd HH:mm}");

    /// <summary>Path of a library that is loaded in this process.</summary>
    private static string? Loaded(string name)
    {
        const string maps = "/proc/self/maps";
        if (!File.Exists(maps)) return null;
        string? line = File.ReadLines(maps).FirstOrDefault(line => line.Contains("/" + name, StringComparison.Ordinal));
        return line?[line.IndexOf('/', StringComparison.Ordinal)..];
    }
}
