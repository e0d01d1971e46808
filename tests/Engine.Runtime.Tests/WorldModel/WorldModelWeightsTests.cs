using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.WorldModel;

public class WorldModelWeightsTests
{
    [Fact]
    public void Missing_left_over_misshapen_and_broken_weights_are_named()
    {
        WorldModelConfig config = GoldenModel.Config("dit");
        Dictionary<string, NamedArray> good = WeightFile.Read(Golden.Path("dit_weights.npz"));
        void Fails(string expected, Action<Dictionary<string, NamedArray>> damage)
        {
            var weights = new Dictionary<string, NamedArray>(good);
            damage(weights);
            var error = Assert.Throws<InvalidDataException>(() => WorldModelWeights.Load(weights, config).Dispose());
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }

        Fails("'x_proj.bias'", weights => weights.Remove("x_proj.bias"));
        Fails("'extra'", weights => weights["extra"] = NamedArray.Scalar(1f));
        Fails("[64, 10]", weights => weights["action_embedder.weight"] = NamedArray.FromFloat32(new float[64 * 7], 64, 7));
        Fails("NaN at 3", weights => weights["x_proj.bias"] = NamedArray.FromFloat32([0, 0, 0, float.NaN, .. new float[60]], 64));
        Assert.Throws<InvalidDataException>(() => WorldModelWeights.Load(good, config with { PreviousFrameInput = true }).Dispose());
        using WorldModelWeights loaded = WorldModelWeights.Load(good, config);
        Assert.Equal(good.Values.Sum(array => array.Count), loaded.ParameterCount);
    }

    [Fact]
    public void Configuration_survives_json_and_names_what_is_wrong()
    {
        WorldModelConfig config = RandomModel.Small with { PredictChange = true, SpatialRotary = Engine.Kernels.Ops.Rotary.RotaryFrequencies.Pixel };
        Assert.Equal(config, WorldModelConfig.Parse(config.ToJson()));
        Assert.Contains("\"spatial_rotary\": \"pixel\"", config.ToJson(), StringComparison.Ordinal);
        Assert.Equal(8, GoldenModel.Config("dit").LatentHeight);
        Assert.Contains("num_heads", Assert.Throws<InvalidDataException>(() => (config with { NumHeads = 5 }).Validate()).Message, StringComparison.Ordinal);
        Assert.Contains("patch_size", Assert.Throws<InvalidDataException>(() => WorldModelConfig.Parse("{\"in_channels\": 4}")).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => WorldModelConfig.Parse("[1]"));
        Assert.Throws<InvalidDataException>(() => WorldModelConfig.Parse("{"));
    }
}
