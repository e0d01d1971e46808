using Engine.Kernels.Ops.Gae;
using Engine.Kernels.Ops.Rotary;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.WorldModel;

/// <summary>Kernels against the original's numbers; here, because reading npz belongs to the runtime.</summary>
public class KernelGoldenTests
{
    [Theory]
    [InlineData("temporal7")]
    [InlineData("spatial4x5")]
    [InlineData("spatial4x5_pixel")]
    [InlineData("spatial1x3_pixel")]
    public void Rotary_embedding_equals_the_original(string name)
    {
        Dictionary<string, NamedArray> golden = Npz.Read(Golden.Path("rope.npz"));
        NamedArray expected = golden[$"{name}.table"];
        bool pixel = golden[$"{name}.rope_pixel"].ToInt64()[0] == 1, flat = expected.Shape.Length == 2;
        int width = (int)expected.Shape[^1], axes = flat ? 1 : 2, half = width / axes / 2;
        float tolerance = pixel ? 1e-4f : 1e-5f;
        RotaryTable table = RotaryTable.Create(
            pixel ? RotaryFrequencies.Pixel : RotaryFrequencies.Standard, width, (int)expected.Shape[0], flat ? 0 : (int)expected.Shape[1]);
        float[] numbers = expected.ToFloat32();
        for (int position = 0; position < table.Positions; position++)
        {
            for (int j = 0; j < width / 2; j++)
            {
                int at = position * width + j / half * 2 * half + j % half;
                Assert.Equal(numbers[at], table.Cosines[position * width + 2 * j], tolerance);
                Assert.Equal(numbers[at + half], table.Sines[position * width + 2 * j + 1], tolerance);
                Assert.Equal(-numbers[at + half], table.Sines[position * width + 2 * j], tolerance);
            }
        }

        foreach (string side in new[] { "q", "k" })
        {
            float[] x = golden[$"{name}.{side}"].ToFloat32();
            Rotary.Apply(x, x.Length / width, table);
            GoldenModel.Near(golden[$"{name}.{side}_rot"].ToFloat32(), x, tolerance * 4, tolerance, $"{name}.{side}_rot");
        }
    }

    [Fact]
    public void Advantages_equal_the_golden_ones_in_every_convention()
    {
        Dictionary<string, NamedArray> golden = Npz.Read(Golden.Path("gae.npz"));
        string[] cases = [.. golden.Keys.Where(key => key.EndsWith(".gamma_lambda", StringComparison.Ordinal)).Select(key => key[..^13]).Where(name => name != "td1d")];
        Assert.True(cases.Length >= 9, $"only {cases.Length} cases in the golden file");
        foreach (string name in cases)
        {
            float[] Of(string array) => golden[$"{name}.{array}"].ToFloat32();
            byte[] Flag(string array) => [.. golden[$"{name}.{array}"].ToInt64().Select(value => (byte)value)];
            int steps = (int)golden[$"{name}.rewards"].Shape[0], environments = (int)golden[$"{name}.rewards"].Shape[1];
            float[] gammaLambda = Of("gamma_lambda"), rewards = Of("rewards"), values = Of("values"), next = Of("next_values");
            float gamma = gammaLambda[0], lambda = gammaLambda[1], absolute = steps > 100 ? 1e-4f : 1e-5f;
            byte[] terminated = Flag("terminated"), truncated = Flag("truncated"), done = [.. terminated.Zip(truncated, Math.Max)];
            float[] advantages = new float[rewards.Length], returns = new float[rewards.Length];

            Gae.Compute(rewards, values, next, terminated, truncated, steps, environments, gamma, lambda, advantages, returns);
            GoldenModel.Near(Of("adv"), advantages, absolute, 1e-5f, $"{name}.adv");
            GoldenModel.Near(Of("returns"), returns, absolute, 1e-5f, $"{name}.returns");

            Gae.ComputeFromBeginnings(rewards, values, done, Of("cleanrl_next_value"), Flag("cleanrl_next_done"), steps, environments, gamma, lambda, advantages, returns);
            GoldenModel.Near(Of("adv_cleanrl"), advantages, absolute, 1e-5f, $"{name}.adv_cleanrl");

            Gae.ComputeSingleFlag(rewards, values, next, done, steps, environments, gamma, lambda, advantages, returns);
            GoldenModel.Near(Of("adv_imagineact"), advantages, absolute, 1e-5f, $"{name}.adv_imagineact");
            if (rewards.Length == 1) continue;
            float[] clipped = [.. advantages];
            Gae.Normalise(advantages);
            GoldenModel.Near(Of("adv_imagineact_norm"), advantages, absolute, 1e-5f, $"{name}.adv_imagineact_norm");
            Gae.Normalise(clipped, 1f);
            GoldenModel.Near(Of("adv_imagineact_norm_clip1"), clipped, absolute, 1e-5f, $"{name}.adv_imagineact_norm_clip1");
        }
    }

    [Fact]
    public void One_step_errors_equal_the_golden_ones()
    {
        Dictionary<string, NamedArray> golden = Npz.Read(Golden.Path("gae.npz"));
        float[] rewards = golden["td1d.rewards"].ToFloat32(), errors = new float[rewards.Length];
        // The file does not name the discount; the recorded errors of the steps without an end show it.
        const float Gamma = 0.99f;
        Gae.ComputeOneStep(
            rewards, golden["td1d.values"].ToFloat32(), golden["td1d.next_values"].ToFloat32(), [.. golden["td1d.dones"].ToInt64().Select(value => (byte)value)], Gamma, errors);
        GoldenModel.Near(golden["td1d.adv_imagineact"].ToFloat32(), errors, 1e-5f, 0, "td1d.adv_imagineact");
    }
}
