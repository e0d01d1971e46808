using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Tests.Devices;

/// <summary>What of a device can be left out where its numbers are wrong.</summary>
public sealed class CudaFeaturesTests
{
    private static readonly CudaDeviceInfo Hopper = new(0, "", 9, 0, 0, 132, 227 << 10, true);

    [Theory]
    [InlineData(null, true, true)]
    [InlineData("", true, true)]
    [InlineData("warpgroups", true, false)]
    [InlineData("overlap", false, true)]
    [InlineData("overlap, warpgroups", false, false)]
    public void What_is_named_is_left_out(string? without, bool overlap, bool warpgroups)
    {
        Assert.Equal(new CudaFeatures(overlap, warpgroups), CudaFeatures.Of(Hopper, without));
        Assert.Equal(new CudaFeatures(false, false), CudaFeatures.Of(Hopper with { Major = 8 }, without));
        Assert.Equal(new CudaFeatures(overlap, false), CudaFeatures.Of(Hopper with { Major = 10 }, without));
    }

    [Fact]
    public void An_unknown_name_is_refused() =>
        Assert.Contains("names 'wgmma'; expected overlap, warpgroups", Assert.Throws<CudaException>(() => CudaFeatures.Of(Hopper, "wgmma")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Products_and_launches_keep_to_it(bool all)
    {
        var compiler = EmulationCompiler.TryFind();
        Assert.SkipWhen(compiler is null, "no g++: CUDA kernels are not run on the CPU");
        var driver = new RecordingCudaDriver(new EmulatedCudaDriver(major: 9));
        using var context = new CudaContext(driver, compiler!) { Features = new CudaFeatures(all, all) };
        using CudaStream stream = context.CreateStream();
        using DeviceBuffer<Bfloat16> x = stream.Upload<Bfloat16>(new Bfloat16[64]), weight = stream.Upload<Bfloat16>(new Bfloat16[64]), y = stream.Allocate<Bfloat16>(64);
        var linear = CudaLinear.Of(weight, default, 8, 8);
        Assert.Equal(all, Gemm.Plan(stream, 8, linear with { Warpgroups = true }).Tile.Warpgroups);
        using var workspace = new GemmWorkspace(stream);
        Gemm.Multiply(stream, x.Span, 8, linear with { Warpgroups = false, Splits = 1 }, y.Span, workspace);
        Assert.Contains(driver.Calls, call => call.Name == (all ? "cuLaunchKernelEx" : "cuLaunchKernel"));
    }
}
