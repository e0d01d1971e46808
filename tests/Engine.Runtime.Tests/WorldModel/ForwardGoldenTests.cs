using Engine.Kernels.Ops.Rotary;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.WorldModel;

public class ForwardGoldenTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (string model in new[] { "dit", "dit_b" })
        {
            foreach (string name in new[] { "std", "pixel", "rect_std", "rect_pixel", "t1" }) data.Add(model, name);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Network_equals_the_original(string model, string name)
    {
        Dictionary<string, NamedArray> golden = Npz.Read(Golden.Path($"{model}_forward.npz"));
        NamedArray x = golden[$"{name}.x"];
        int batch = (int)x.Shape[0], frames = (int)x.Shape[1];
        WorldModelConfig config = GoldenModel.Config(model) with
        {
            LatentHeight = (int)x.Shape[2],
            LatentWidth = (int)x.Shape[3],
            SpatialRotary = golden[$"{name}.rope_pixel"].ToInt64()[0] == 1 ? RotaryFrequencies.Pixel : RotaryFrequencies.Standard,
        };
        using WorldModelWeights weights = GoldenModel.Load(model, config);
        using var forward = new WorldModelForward(weights, frames);
        int[] times = [.. golden[$"{name}.t"].ToInt64().Select(t => (int)t)];
        float[] latents = x.ToFloat32(), actions = golden[$"{name}.action"].ToFloat32(), plain = new float[latents.Length], observed = new float[latents.Length];

        forward.Run(latents, times, actions, batch, frames, plain);
        GoldenModel.Near(golden[$"{name}.out"].ToFloat32(), plain, 1e-4f, 1e-4f, $"{name}.out");

        var seen = new HashSet<string>();
        forward.Run(latents, times, actions, batch, frames, observed, (activation, b, values) =>
        {
            seen.Add(activation);
            float[] expected = golden[$"{name}.act.{activation}"].ToFloat32();
            int each = expected.Length / batch;
            GoldenModel.Near(expected.AsSpan(b * each, each), values, 1e-4f, 1e-4f, $"{name}.act.{activation}");
        });
        Assert.Equal(golden.Keys.Where(key => key.StartsWith($"{name}.act.", StringComparison.Ordinal)).Select(key => key[(name.Length + 5)..]).Order(), seen.Order());
        Assert.Equal(plain, observed);
    }

    [Fact]
    public void Timestep_embedding_equals_the_original()
    {
        Dictionary<string, NamedArray> golden = Npz.Read(Golden.Path("rope.npz"));
        long[] times = golden["timestep.t"].ToInt64();
        float[] expected = golden["timestep.embedding"].ToFloat32(), actual = new float[expected.Length];
        for (int i = 0; i < times.Length; i++) TimestepEmbedding.Write((int)times[i], actual.AsSpan(i * TimestepEmbedding.Width));
        GoldenModel.Near(expected, actual, 2e-4f, 0, "timestep.embedding");
    }
}
