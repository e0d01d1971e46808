using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Runtime.Tests.WorldModel.Cuda;

/// <summary>Dreams in e4m3 on an emulated device of compute capability 9.0.</summary>
public sealed class CudaFloat8Tests
{
    // The original's form, wide enough that errors average out as they do in sums of hundreds.
    private static readonly WorldModelConfig Config = RandomModel.Small with { Dim = 128, NumHeads = 4, NumLayers = 2, LatentHeight = 4, LatentWidth = 4, SamplingSteps = 4 };

    [Theory]
    [InlineData(DreamMode.Exact)]
    [InlineData(DreamMode.Streaming)]
    public void A_rollout_in_float8_is_off_by_as_much_as_documented(DreamMode mode)
    {
        const int Steps = 8;
        using EmulatedGpu gpu = EmulatedGpu.OpenHopper();
        using WorldModelWeights weights = RandomModel.Create(Config);
        float[] Roll(GemmPrecision precision)
        {
            using var model = new CudaWorldModel(gpu.Context, weights, precision);
            using var dream = new CudaDreamState(model, 1, mode, seed: 7);
            return Dreams.Roll(dream, Config, [0], Steps);
        }

        float[] exact = Roll(GemmPrecision.Float32), rounded = Roll(GemmPrecision.BFloat16), eighths = Roll(GemmPrecision.Float8);
        double relative = Dreams.Difference(exact, eighths).Relative, bfloat16 = Dreams.Difference(exact, rounded).Relative;
        TestContext.Current.TestOutputHelper?.WriteLine($"float8 {relative:E2}, bfloat16 {bfloat16:E2}");
        for (int step = 0; step < Steps; step++)
        {
            Range frame = (step * Config.FrameNumbers)..((step + 1) * Config.FrameNumbers);
            TestContext.Current.TestOutputHelper?.WriteLine($"frame {step}: float8 {Dreams.Difference(exact[frame], eighths[frame]).Relative:E2}, bfloat16 {Dreams.Difference(exact[frame], rounded[frame]).Relative:E2}");
        }

        Assert.InRange(relative, 5 * bfloat16, 0.1);
    }

    [Fact]
    public void A_frame_in_float8_depends_on_its_own_environment_only_bit_for_bit()
    {
        using EmulatedGpu gpu = EmulatedGpu.OpenHopper();
        using WorldModelWeights weights = RandomModel.Create(Config with { NumLayers = 1 });
        using var model = new CudaWorldModel(gpu.Context, weights, GemmPrecision.Float8);
        using var dream = new CudaDreamState(model, 3, DreamMode.Streaming, seed: 7);
        float[] together = Dreams.Roll(dream, weights.Config, [0, 1, 2], 2), alone = Dreams.Roll(dream, weights.Config, [1], 2);
        Assert.Equal(together[alone.Length..(2 * alone.Length)], alone);
    }

    [Fact]
    public void Another_GPU_than_Hopper_says_what_it_lacks()
    {
        using EmulatedGpu gpu = EmulatedGpu.OpenEmulated();
        using WorldModelWeights weights = RandomModel.Create(Config);
        string message = Assert.Throws<NotSupportedException>(() => new CudaWorldModel(gpu.Context, weights, GemmPrecision.Float8)).Message;
        Assert.Equal("float8 needs a GPU of compute capability 9.0 (Hopper); emulated device has 8.0. Take bfloat16.", message);
    }
}
