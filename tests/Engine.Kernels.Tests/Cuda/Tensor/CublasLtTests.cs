using System.Diagnostics;
using System.Runtime.InteropServices;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Tests.Devices;
using Engine.Tests.Shared;

namespace Engine.Kernels.Tests.Cuda.Tensor;

/// <summary>The calls of cuBLASLt against a fake one that multiplies on the CPU by columns, as the real one reads matrices.</summary>
public sealed unsafe class CublasLtTests
{
    private static readonly Lazy<string> s_fake = new(Build);

    [Fact]
    public void Products_that_the_library_has_an_algorithm_for_are_its_own()
    {
        using var device = EmulatedDevice.Open();
        int before = Number("fake_handles"), asked = Number("fake_heuristics");
        const int Outputs = 20, Inputs = 24;
        float[] x = Rounded(33 * Inputs, 1), weight = Rounded(Outputs * Inputs, 2), bias = Guarded.Normal(Outputs, 3).Span.ToArray();
        using (DeviceBuffer<Bfloat16> onDevice = device.Stream.Upload<Bfloat16>(Bfloat16.Round(x)), weights = device.Stream.Upload<Bfloat16>(Bfloat16.Round(weight)))
        using (DeviceBuffer<float> biases = device.Stream.Upload<float>(bias), y = device.Stream.Allocate<float>(33 * Outputs))
        using (CublasLtGemm? library = CublasLtGemm.TryCreate(device.Stream, s_fake.Value, out string reason))
        using (var workspace = new GemmWorkspace(device.Stream) { Library = library })
        {
            Assert.Equal((120304, ""), (library!.Version, reason));
            device.Driver.Forget();
            var linear = CudaLinear.Of(weights, biases, Inputs, Outputs);
            foreach (int rows in new[] { 33, 1, 33 })
            {
                Gemm.Multiply(device.Stream, onDevice.Span, rows, linear, y.Span, workspace);
                float[] values = device.Read(y.Span);
                for (int i = 0; i < rows * Outputs; i++)
                {
                    float sum = bias[i % Outputs];
                    for (int k = 0; k < Inputs; k++) sum += x[i / Outputs * Inputs + k] * weight[i % Outputs * Inputs + k];
                    Assert.Equal(sum, values[i], 1e-5f);
                }
            }

            Assert.DoesNotContain(device.Driver.Calls, call => call.Name == "cuLaunchKernel");
            Assert.Equal(2, Number("fake_heuristics") - asked);
            Assert.Empty(library.Refused);

            // Results that begin at another multiple of 16 bytes may need another algorithm.
            using DeviceBuffer<Bfloat16> rounded = device.Stream.Allocate<Bfloat16>(8 + 33 * Outputs);
            Gemm.Multiply(device.Stream, onDevice.Span, 33, CudaLinear.Of(weights, default, Inputs, Outputs), rounded.Slice(8, 33 * Outputs), workspace);
            Assert.Equal(3, Number("fake_heuristics") - asked);
            Assert.All(device.Read(rounded.Slice(0, 8)), value => Assert.True(float.IsNaN(value.ToSingle())));
            Assert.All(device.Read(rounded.Slice(8, 33 * Outputs)), value => Assert.False(float.IsNaN(value.ToSingle())));
        }

        Assert.Equal(before, Number("fake_handles"));
    }

    [Fact]
    public void What_it_has_no_algorithm_for_is_computed_here_and_listed()
    {
        using var device = EmulatedDevice.Open();
        using DeviceBuffer<Bfloat16> x = device.Stream.Upload<Bfloat16>(new Bfloat16[8 * 8]), weight = device.Stream.Upload<Bfloat16>(new Bfloat16[8 * 8]), y = device.Stream.Allocate<Bfloat16>(64);
        using DeviceBuffer<float> bias = device.Stream.Upload<float>(new float[8]), stream = device.Stream.Upload<float>(new float[64]);
        using CublasLtGemm? library = CublasLtGemm.TryCreate(device.Stream, s_fake.Value, out _);
        var linear = CudaLinear.Of(weight, bias, 8, 8);
        using var workspace = new GemmWorkspace(device.Stream) { Library = library };
        device.Driver.Forget();
        int asked = Number("fake_heuristics");
        for (int i = 0; i < 2; i++) Gemm.Multiply(device.Stream, x.Span, 8, linear, y.Span, workspace, ActivationFunction.GeluTanh);
        Assert.Equal(1, Number("fake_heuristics") - asked);
        Assert.Equal(2, device.Driver.Calls.Count(call => call is { Name: "cuLaunchKernel", Target: "gemm" }));
        Assert.Equal("[8, 8] · [8, 8]ᵀ in Bfloat16 to bfloat16 with bias and GeluTanh: CUBLAS_STATUS_NOT_SUPPORTED", Assert.Single(library!.Refused));

        // A gated residual is never asked for.
        Gemm.MultiplyGated(device.Stream, x.Span, 8, linear, bias, 0, 8, 0, stream, workspace);
        Assert.Equal(3, device.Driver.Calls.Count(call => call is { Name: "cuLaunchKernel", Target: "gemm" }));
        Assert.All(device.Read(y.Span), value => Assert.Equal(0, value.ToSingle()));
    }

    [Fact]
    public void A_library_that_is_not_there_is_named_with_what_happens_instead()
    {
        using var device = EmulatedDevice.Open();
        Assert.Null(CublasLtGemm.TryCreate(device.Stream, "/nowhere/libcublasLt.so.12", out string reason));
        Assert.Equal("cuBLASLt was not found (looked for /nowhere/libcublasLt.so.12); plain products run on Engine's own kernels", reason);
    }

    private static float[] Rounded(int count, uint seed) => Array.ConvertAll(Bfloat16.Round(Guarded.Normal(count, seed).Span), value => value.ToSingle());

    private static int Number(string name) => ((delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(NativeLibrary.Load(s_fake.Value), name))();

    private static string Build()
    {
        string source = Path.Combine(Golden.Root, "tests/Engine.Kernels.Tests/Cuda/Tensor/fake_cublaslt.cpp"), target = Path.Combine(AppContext.BaseDirectory, "libcublaslt_fake.so");
        using var process = Process.Start(new ProcessStartInfo("g++", ["-std=c++17", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Werror", source, "-o", target]) { RedirectStandardError = true })!;
        string log = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? target : throw new InvalidOperationException(log);
    }
}
