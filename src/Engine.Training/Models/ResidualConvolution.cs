using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>x + conv1×1(SiLU(conv3×3(SiLU(GroupNorm₈(x))))), shape kept: [N, C, H, W].</summary>
public sealed class ResidualConvolution : Module
{
    private readonly GroupNorm _norm;
    private readonly Conv2d _spatial, _mix;

    public ResidualConvolution(WeightInitialiser initialiser, int channels)
    {
        _norm = Child("norm", new GroupNorm(8, channels));
        _spatial = Child("spatial", new Conv2d(initialiser, channels, channels, 3, 1, 1));
        _mix = Child("mix", new Conv2d(initialiser, channels, channels, 1));
    }

    public Tensor Forward(Tensor x) => x + _mix.Forward(_spatial.Forward(_norm.Forward(x).Silu()).Silu());
}
