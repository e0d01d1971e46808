using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Devices.Cuda.Probe;

namespace Engine.Kernels.Tests.Devices;

/// <summary>What a GPU's compiler makes of the kernels; needs NVRTC, no GPU.</summary>
public sealed class NvrtcTests
{
    private static readonly Lazy<NvrtcCompiler?> s_compiler = new(() => NvrtcCompiler.TryFind());

    /// <summary>Every kernel with every architecture that both it and the compiler know; one row without a kernel where there is no compiler.</summary>
    public static TheoryData<string, string, string> Specialisations() => s_compiler.Value is not { } compiler
        ? [("", "", "")]
        : [.. CudaKernels.Shipped().SelectMany(kernel => kernel.Architectures.Where(compiler.Knows).Select(architecture => (kernel.Source, kernel.ToString(), architecture)))];

    public static TheoryData<string> Architectures() => [.. CudaKernel.AllArchitectures];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void The_compiler_knows_the_architecture(string architecture)
    {
        NvrtcCompiler compiler = Compiler();
        int kernels = CudaKernels.Shipped().Count(kernel => kernel.Architectures.Contains(architecture));
        Assert.True(kernels > 30);
        Assert.SkipUnless(compiler.Knows(architecture), $"{compiler.Name} does not know {architecture}: {kernels} kernels are not compiled for it");
    }

    [Theory]
    [MemberData(nameof(Specialisations))]
    public void Every_shipped_specialisation_compiles_and_stays_within_its_budget(string source, string name, string architecture)
    {
        NvrtcCompiler compiler = Compiler();
        CudaKernel kernel = CudaKernels.Shipped().First(kernel => kernel.Source == source && kernel.ToString() == name && kernel.Architectures.Contains(architecture));
        CubinResources taken = Cubin.Read(compiler.Compile(kernel, architecture).Bytes)[kernel.Function];
        string where = $"{kernel} for {architecture} takes {taken}";
        Assert.True(taken.Registers > 0 && taken.Registers <= kernel.RegisterBudget, $"{where}: more than {kernel.RegisterBudget} registers");
        Assert.True(taken.Registers * kernel.ThreadsPerBlock <= 65536, $"{where}: a block of {kernel.ThreadsPerBlock} threads cannot be launched");
        Assert.True(taken.SharedBytes + kernel.DynamicSharedBytes <= kernel.SharedBudget + Reserved(architecture), $"{where}, {kernel.DynamicSharedBytes} bytes dynamic: more than {kernel.SharedBudget} bytes of shared memory");
        Assert.True(!kernel.Hot || taken.FrameBytes == 0, $"{where}: something was spilt");
    }

    [Fact]
    public void Registers_shared_memory_and_frame_are_read_from_the_cubin()
    {
        CubinResources probe = Cubin.Read(Compiler().Compile(DeviceProbe.Describe(), "sm_80").Bytes)["probe"];
        Assert.InRange(probe.Registers, 6, 20);
        Assert.Equal(0, probe.SharedBytes);
        Assert.Equal(0, probe.FrameBytes);
    }

    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_90a")]
    public void A_local_array_shows_as_a_frame_and_a_shared_one_as_shared_memory(string architecture)
    {
        const string Source = """
            extern "C" __global__ void plain(float* x) { x[threadIdx.x] += 1.0f; }
            extern "C" __global__ void local(float* x, const int* at, int n) {
              float a[64];
              for (int i = 0; i < 64; i++) a[i] = x[i * n];
              for (int i = 0; i < n; i++) a[at[i] & 63] += x[i];
              for (int i = 0; i < n; i++) x[i] = a[at[n + i] & 63];
            }
            extern "C" __global__ void shared(float* x) {
              __shared__ float a[100];
              a[threadIdx.x] = x[threadIdx.x];
              __syncthreads();
              x[threadIdx.x] = a[99 - threadIdx.x];
            }
            """;
        var nvrtc = Interop.CudaNvrtc.Load(Compiler().LibraryPath);
        var (status, image, log) = nvrtc.Compile("test.cu", Source, [], [$"--gpu-architecture={architecture}"], ptx: false);
        Assert.True(status == 0, log);
        IReadOnlyDictionary<string, CubinResources> kernels = Cubin.Read(image);
        Assert.Equal(["local", "plain", "shared"], kernels.Keys.Order());
        Assert.Equal((0, 0), (kernels["plain"].FrameBytes, kernels["plain"].SharedBytes));
        Assert.Equal((256, 0), (kernels["local"].FrameBytes, kernels["local"].SharedBytes));
        Assert.Equal((0, 400 + Reserved(architecture)), (kernels["shared"].FrameBytes, kernels["shared"].SharedBytes));
        Assert.True(kernels["local"].Registers > kernels["plain"].Registers);
    }

    [Fact]
    public void An_architecture_newer_than_the_compiler_gets_PTX()
    {
        NvrtcCompiler compiler = Compiler();
        Assert.SkipWhen(compiler.Knows("sm_999"), "no architecture is newer");
        byte[] ptx = compiler.Compile(DeviceProbe.Describe(), "sm_999").Bytes;
        Assert.Contains(".visible .entry probe(", System.Text.Encoding.UTF8.GetString(ptx));
        Assert.Contains("does not compile for sm_10", Assert.Throws<CudaException>(() => compiler.Compile(DeviceProbe.Describe(), "sm_10")).Message);
    }

    [Fact]
    public void A_source_that_does_not_compile_shows_the_log()
    {
        CudaKernel broken = DeviceProbe.Describe() with { Defines = [new("ENGINE_THREADS", "nonsense")] };
        var error = Assert.Throws<CudaException>(() => Compiler().Compile(broken, "sm_80"));
        Assert.Contains("probe(ENGINE_THREADS=nonsense) does not compile for sm_80 with NVRTC", error.Message);
        Assert.Contains("identifier \"nonsense\" is undefined", error.Message);
    }

    [Fact]
    public void A_damaged_cubin_is_refused_or_read_but_never_breaks_the_reader()
    {
        byte[] good = Compiler().Compile(DeviceProbe.Describe(), "sm_80").Bytes;
        for (int length = 0; length < good.Length; length += 7) Survives(good.AsSpan(0, length));
        var random = new Random(3);
        for (int i = 0; i < 3000; i++)
        {
            byte[] bad = [.. good];
            for (int k = random.Next(1, 5); k > 0; k--) bad[random.Next(bad.Length)] = (byte)random.Next(256);
            Survives(bad);
        }

        Assert.Throws<InvalidDataException>(() => Cubin.Read("not a cubin"u8));
    }

    private static void Survives(ReadOnlySpan<byte> file)
    {
        try
        {
            Cubin.Read(file);
        }
        catch (InvalidDataException)
        {
        }
    }

    /// <summary>From compute capability 9.0 on, the system keeps a kibibyte of a block's shared memory.</summary>
    private static int Reserved(string architecture) => architecture == "sm_80" ? 0 : 1024;

    private static NvrtcCompiler Compiler()
    {
        Assert.SkipWhen(s_compiler.Value is null, "no NVRTC: CUDA kernels are not compiled (native/cuda/nvrtc/fetch.sh gets one)");
        return s_compiler.Value!;
    }
}
