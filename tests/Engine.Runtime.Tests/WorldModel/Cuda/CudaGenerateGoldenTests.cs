using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.WorldModel.Cuda;

/// <summary>The original's generated sequences, with its noise, on an emulated device.</summary>
public sealed class CudaGenerateGoldenTests
{
    [Theory]
    [InlineData("short")]
    [InlineData("slide")]
    [InlineData("pixel_win")]
    public void Generated_sequences_equal_the_original_to_the_rounding_of_bfloat16(string name) => Check(name, GemmPrecision.BFloat16, 0.01, 0.05);

    [Theory]
    [InlineData("slide")]
    [InlineData("pixel_win")]
    public void In_float32_they_equal_the_original(string name) => Check(name, GemmPrecision.Float32, 2e-5, 2e-4);

    private static void Check(string name, GemmPrecision precision, double most, double greatest)
    {
        using EmulatedGpu gpu = EmulatedGpu.Open();
        GenerateSettings settings = GenerateSettings.Read(Golden.Path("generate_config.json"), name);
        WorldModelConfig config = settings.Apply(GoldenModel.Config("dit"));
        Dictionary<string, NamedArray> golden = Npz.Read(Golden.Path("generate.npz"));
        using WorldModelWeights weights = GoldenModel.Load("dit", config);
        using var model = new CudaWorldModel(gpu.Context, weights, precision);
        NamedArray context = golden[$"{name}.context"];
        int batch = (int)context.Shape[0], known = (int)context.Shape[1], made = settings.NFrames - known, frame = config.FrameNumbers, width = config.ActionDim;
        using var dream = new CudaDreamState(model, batch);
        float[] past = context.ToFloat32(), actions = golden[$"{name}.actions"].ToFloat32(), noise = golden[$"{name}.noise"].ToFloat32(), expected = golden[$"{name}.out"].ToFloat32();
        int[] environments = [.. Enumerable.Range(0, batch)];
        foreach (int b in environments)
            dream.Reset(b, 0, past.AsSpan(b * known * frame, known * frame), actions.AsSpan(b * settings.NFrames * width, known * width));
        var latents = new float[batch * frame];
        for (int k = 0; k < made; k++)
        {
            float[] step = [.. environments.SelectMany(b => actions.Skip((b * settings.NFrames + known + k) * width).Take(width))];
            float[] start = [.. environments.SelectMany(b => noise.Skip((b * made + k) * frame).Take(frame))];
            dream.Step(environments, step, start, latents);
            float[] wanted = [.. environments.SelectMany(b => expected.Skip((b * settings.NFrames + known + k) * frame).Take(frame))];
            var (relative, worst) = Dreams.Difference(wanted, latents);
            TestContext.Current.TestOutputHelper?.WriteLine($"frame {known + k}: relative error {relative:E2}, worst {worst:E2}");
            Assert.InRange(relative, 0, most);
            Assert.InRange(worst, 0, greatest);
        }
    }
}
