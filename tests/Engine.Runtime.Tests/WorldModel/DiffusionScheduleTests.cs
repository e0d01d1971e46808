using Engine.Kernels.Ops.DdimUpdate;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.WorldModel;

public class DiffusionScheduleTests
{
    private static readonly Lazy<Dictionary<string, NamedArray>> Arrays = new(() => Npz.Read(Golden.Path("diffusion.npz")));

    [Theory]
    [InlineData(1000, "")]
    [InlineData(100, "_T100")]
    [InlineData(250, "_T250")]
    public void Betas_and_signal_powers_equal_the_original(int steps, string suffix)
    {
        var schedule = new DiffusionSchedule(steps);
        GoldenModel.Near(Arrays.Value["betas" + suffix].ToFloat32(), schedule.Betas, 0, 1e-5f, "betas");
        GoldenModel.Near(Arrays.Value["alphas_cumprod" + suffix].ToFloat32(), schedule.AlphasCumprod, 0, 1e-5f, "alphas_cumprod");
    }

    [Fact]
    public void Ladders_equal_the_original()
    {
        int seen = 0;
        foreach (var (name, array) in Arrays.Value)
        {
            if (!name.StartsWith("ladder_", StringComparison.Ordinal)) continue;
            string[] parts = name.Split('_');
            int steps = int.Parse(parts[^2][1..]), sampling = int.Parse(parts[^1][1..]);
            Assert.Equal(array.ToInt64().Select(t => (int)t), new DiffusionSchedule(steps).Ladder(sampling));
            seen++;
        }

        Assert.True(seen >= 13, $"only {seen} ladders in the golden file");
    }

    [Fact]
    public void Pyramids_equal_the_original()
    {
        int seen = 0;
        foreach (var (name, array) in Arrays.Value)
        {
            if (!name.StartsWith("pyramid_", StringComparison.Ordinal)) continue;
            int sampling = int.Parse(name.Split('_')[1][1..]), horizon = (int)array.Shape[1];
            long[] expected = array.ToInt64();
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], DiffusionSchedule.PyramidIndex(sampling, i / horizon, i % horizon));
            seen++;
        }

        Assert.True(seen >= 8, $"only {seen} pyramids in the golden file");
    }

    [Theory]
    [InlineData(10)]
    [InlineData(4)]
    public void Sampling_steps_equal_the_original(int sampling)
    {
        DiffusionSchedule schedule = DiffusionSchedule.Default;
        int[] ladder = schedule.Ladder(sampling);
        NamedArray Of(string name) => Arrays.Value[$"ddim_S{sampling}.{name}"];
        long[] now = Of("t_idx").ToInt64(), next = Of("t_next_idx").ToInt64(), modelTime = Of("model_t").ToInt64();
        float[] x = Of("x").ToFloat32(), v = Of("v_pred").ToFloat32(), expected = Of("out").ToFloat32(), seen = Of("model_x").ToFloat32();
        int frame = x.Length / now.Length;
        for (int i = 0; i < now.Length; i++)
        {
            Span<float> latents = x.AsSpan(i * frame, frame);
            int t = ladder[now[i]], after = ladder[next[i]];
            float scale = t < 0 ? (float)Math.Sqrt(schedule.AlphaBar(14)) : 1f;
            for (int j = 0; j < frame; j++) Assert.Equal(seen[i * frame + j], scale * latents[j], 1e-6f);
            Assert.Equal(modelTime[i], t < 0 ? 14 : t);
            if (t != after)
                DdimUpdate.Apply(latents, frame, v.AsSpan(i * frame, frame), default, 0, 1, frame, DdimStep.Between(schedule.AlphaBar(t), schedule.AlphaBar(after)));
            GoldenModel.Near(expected.AsSpan(i * frame, frame), latents, 1e-4f, 0, $"ddim_S{sampling}.out frame {i}");
        }
    }

    [Fact]
    public void One_sampling_step_goes_from_noise_to_clean() => Assert.Equal([-1, 999], DiffusionSchedule.Default.Ladder(1));
}
