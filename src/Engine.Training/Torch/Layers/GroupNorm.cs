namespace Engine.Training.Torch.Layers;

/// <summary>Normalisation of groups of channels (Wu and He 2018), with a weight of ones and a bias of zeros at first.</summary>
public sealed class GroupNorm : Module
{
    private readonly long _groups;
    private readonly double _eps;

    /// <summary>A layer over [N, channels, …].</summary>
    /// <exception cref="ArgumentException">groups does not divide channels.</exception>
    public GroupNorm(long groups, long channels, double eps = 1e-5)
    {
        if (groups < 1 || channels % groups != 0)
            throw new ArgumentException($"{channels} channels cannot be split into {groups} groups; take a number that divides {channels}", nameof(groups));
        _groups = groups;
        _eps = eps;
        Weight = Parameter("weight", Tensor.Ones(channels));
        Bias = Parameter("bias", Tensor.Zeros(channels));
    }

    /// <summary>[channels].</summary>
    public Tensor Weight { get; }

    /// <summary>[channels].</summary>
    public Tensor Bias { get; }

    /// <summary>[N, channels, …] → the same shape.</summary>
    public Tensor Forward(Tensor x) => Functional.GroupNorm(x, _groups, Weight, Bias, _eps);
}
