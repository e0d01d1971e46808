using System.Diagnostics;
using System.Runtime.InteropServices;
using Engine.Kernels.Devices.Cuda;
using Engine.Tests.Shared;

namespace Engine.Kernels.Tests.Devices;

/// <summary>A libcuda that g++ makes from <c>fake_libcuda.cpp</c>, and a compiler whose modules it can load.</summary>
internal static class FakeCuda
{
    private static readonly Lazy<string?> s_library = new(() => Build("libcuda_fake.so")), s_old = new(() => Build("libcuda_old.so", "-DFAKE_OLD_DRIVER"));

    /// <summary>Path of the library.</summary>
    public static string Library => Or(s_library.Value);

    /// <summary>Path of one without the newest function.</summary>
    public static string OldLibrary => Or(s_old.Value);

    /// <summary>What goes wrong from now on: 0 nothing, 1 no device, 2 out of memory, 3 kernels fail, 4 no memory pools.</summary>
    public static unsafe void SetMode(int mode) => ((delegate* unmanaged[Cdecl]<int, void>)Export("fake_cuda_mode"))(mode);

    /// <summary>Buffers that are not freed.</summary>
    public static unsafe int Buffers() => ((delegate* unmanaged[Cdecl]<int>)Export("fake_cuda_buffers"))();

    /// <summary>Kernels that were allowed to begin early.</summary>
    public static unsafe int Overlapping() => ((delegate* unmanaged[Cdecl]<int>)Export("fake_cuda_overlapping"))();

    /// <summary>Contexts that are not released.</summary>
    public static unsafe int Retained() => ((delegate* unmanaged[Cdecl]<int>)Export("fake_cuda_retained"))();

    private static nint Export(string name) => NativeLibrary.GetExport(NativeLibrary.Load(Library), name);

    private static string Or(string? path)
    {
        Assert.SkipWhen(path is null, "no g++: the calls of the CUDA driver are not checked against a fake one");
        return path!;
    }

    private static string? Build(string name, params string[] options)
    {
        if (EmulationCompiler.TryFind() is null) return null;
        string source = Path.Combine(Golden.Root, "tests/Engine.Kernels.Tests/Devices/fake_libcuda.cpp"), target = Path.Combine(AppContext.BaseDirectory, name);
        using var process = Process.Start(new ProcessStartInfo(
            "g++", ["-std=c++17", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Werror", .. options, source, "-o", target, "-ldl"])
        { RedirectStandardError = true })!;
        string log = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? target : throw new InvalidOperationException(log);
    }

    /// <summary>The emulation's modules as bytes, as a driver takes them.</summary>
    internal sealed class Compiler : ICudaCompiler
    {
        private readonly EmulationCompiler _compiler = EmulationCompiler.TryFind()!;

        public string Name => "modules of the fake driver";

        public CudaImage Compile(CudaKernel kernel, string architecture)
        {
            CudaImage image = _compiler.Compile(kernel, architecture);
            return image with { Bytes = File.ReadAllBytes(image.Path) };
        }
    }
}
