using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.WorldModel;

/// <summary>The golden models and comparisons with golden arrays.</summary>
internal static class GoldenModel
{
    public static WorldModelConfig Config(string name) => WorldModelConfig.Read(Golden.Path($"{name}_config.json"));

    public static WorldModelWeights Load(string name, WorldModelConfig config) => WorldModelWeights.Load(WeightFile.Read(Golden.Path($"{name}_weights.npz")), config);

    public static float GreatestDifference(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        float greatest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            float difference = MathF.Abs(expected[i] - actual[i]);
            if (!(difference <= greatest)) greatest = difference;
        }

        return greatest;
    }

    /// <summary>|expected − actual| ≤ absolute + relative·|expected| everywhere.</summary>
    public static void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float absolute, float relative, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(MathF.Abs(expected[i] - actual[i]) <= absolute + relative * MathF.Abs(expected[i])))
                Assert.Fail($"{what}[{i}]: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }
}
