namespace Engine.Training.Torch.Layers;

/// <summary>A square convolution with zero padding, with PyTorch's default initialisation.</summary>
public sealed class Conv2d : Module
{
    private readonly long _stride, _padding;

    /// <summary>A layer [N, in, H, W] → [N, out, H′, W′], H′ = (H + 2·padding − kernel)/stride + 1.</summary>
    public Conv2d(WeightInitialiser init, long inChannels, long outChannels, long kernel, long stride = 1, long padding = 0)
    {
        _stride = stride;
        _padding = padding;
        Weight = Parameter("weight", init.KaimingUniform(outChannels, inChannels, kernel, kernel));
        Bias = Parameter("bias", init.Bias(inChannels * kernel * kernel, outChannels));
    }

    /// <summary>[out, in, kernel, kernel].</summary>
    public Tensor Weight { get; }

    /// <summary>[out].</summary>
    public Tensor Bias { get; }

    /// <summary>[N, in, H, W] → [N, out, H′, W′]; the memory order of the input is kept.</summary>
    public Tensor Forward(Tensor x) => Functional.Conv2d(x, Weight, Bias, _stride, _padding);
}
