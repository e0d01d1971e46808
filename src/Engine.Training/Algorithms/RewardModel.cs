using Engine.Runtime.Contract;
using Engine.Training.Algorithms.Models;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>The reward network on a classifier's features: [image features | instruction vector] of two frames and the action between.</summary>
public sealed class RewardModel(RewardNetwork network, int visionWidth, int languageWidth, EmbodimentSpec embodiment)
{
    public RewardNetwork Network => network;

    /// <summary>Rewards [n] of features before and after [n, vision + language] and actions [n, 7] in the environment's units.</summary>
    public float[] Predict(ReadOnlySpan<float> before, ReadOnlySpan<float> after, ReadOnlySpan<float> actions, int count)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        return Forward(before, after, actions, count).ToArray();
    }

    /// <summary>As <see cref="Predict"/>, a tensor [n] with gradients to the network.</summary>
    public Tensor Forward(ReadOnlySpan<float> before, ReadOnlySpan<float> after, ReadOnlySpan<float> actions, int count)
    {
        using var device = new DeviceScope(network.Device);
        int width = visionWidth + languageWidth;
        var scaled = new float[count * 7];
        for (int i = 0; i < scaled.Length; i++)
            scaled[i] = i % 7 == 6 ? (actions[i] > 0.5f ? 1 : -1) : Math.Clamp(actions[i] / embodiment.StepLimit[i % 7], -1, 1);
        var now = Tensor.FromSpan(before[..(count * width)], count, 1, width);
        var next = Tensor.FromSpan(after[..(count * width)], count, 1, width);
        return network.Forward(
            now.Narrow(2, visionWidth, languageWidth).Squeeze(1), now.Narrow(2, 0, visionWidth).Squeeze(1), Tensor.FromSpan(scaled, count, 7),
            next.Narrow(2, visionWidth, languageWidth).Squeeze(1), next.Narrow(2, 0, visionWidth).Squeeze(1)).Reshape(count);
    }
}
