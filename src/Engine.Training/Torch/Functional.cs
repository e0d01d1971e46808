using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>Layers and losses without weights of their own; each is PyTorch's function of the same name. Images are [N, C, H, W].</summary>
public static unsafe class Functional
{
    private const long ReductionMean = 1;

    /// <summary>x·Wᵀ + b over the last axis.</summary>
    /// <param name="x">[…, in].</param>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[out], or null.</param>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null) => Aten.Linear.Invoke(x, weight, bias);

    /// <summary>Cross-correlation with zero padding.</summary>
    /// <param name="x">[N, in, H, W].</param>
    /// <param name="weight">[out, in, kH, kW].</param>
    /// <param name="bias">[out], or null.</param>
    /// <param name="stride">Step in both directions.</param>
    /// <param name="padding">Zeros on every side.</param>
    public static Tensor Conv2d(Tensor x, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0)
    {
        long* strides = stackalloc long[] { stride, stride };
        long* paddings = stackalloc long[] { padding, padding };
        return Aten.Conv2d.Invoke(x, weight, bias, Argument.Longs(strides, 2), Argument.Longs(paddings, 2));
    }

    /// <summary>The transpose of <see cref="Conv2d"/>: output size (H−1)·stride − 2·padding + k + outputPadding.</summary>
    /// <param name="x">[N, in, H, W].</param>
    /// <param name="weight">[in, out, kH, kW].</param>
    /// <param name="bias">[out], or null.</param>
    /// <param name="stride">Step in both directions.</param>
    /// <param name="padding">Cut from every side.</param>
    /// <param name="outputPadding">Added at the bottom and right.</param>
    public static Tensor ConvTranspose2d(Tensor x, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long outputPadding = 0)
    {
        long* strides = stackalloc long[] { stride, stride };
        long* paddings = stackalloc long[] { padding, padding };
        long* outputPaddings = stackalloc long[] { outputPadding, outputPadding };
        return Aten.ConvTranspose2d.Invoke(
            x, weight, bias, Argument.Longs(strides, 2), Argument.Longs(paddings, 2), Argument.Longs(outputPaddings, 2));
    }

    /// <summary>Normalises each group of channels of each sample to mean 0 and variance 1, then scales and shifts by channel.</summary>
    /// <param name="x">[N, C, …].</param>
    /// <param name="groups">Divides C.</param>
    /// <param name="weight">[C], or null.</param>
    /// <param name="bias">[C], or null.</param>
    /// <param name="eps">Added to the variance.</param>
    public static Tensor GroupNorm(Tensor x, long groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5)
    {
        int status = TorchNative.eng_torch_group_norm(x.Handle, groups, weight?.Handle ?? 0, bias?.Handle ?? 0, eps, out nint result);
        if (status != 0) throw new TorchException($"GroupNorm with {groups} groups on {TensorDescription.Of(x)}: {TorchNative.LastError()}");
        GC.KeepAlive(x);
        GC.KeepAlive(weight);
        GC.KeepAlive(bias);
        return new Tensor(result);
    }

    /// <summary>Normalises the last axis to mean 0 and variance 1, then scales and shifts by element.</summary>
    /// <param name="x">[…, dim].</param>
    /// <param name="dim">Length of the last axis.</param>
    /// <param name="weight">[dim], or null.</param>
    /// <param name="bias">[dim], or null.</param>
    /// <param name="eps">Added to the variance.</param>
    public static Tensor LayerNorm(Tensor x, long dim, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
        Aten.LayerNorm.Invoke(x, Argument.Longs(&dim, 1), weight, bias, eps);

    /// <summary>[N, C·r², H, W] → [N, C, H·r, W·r].</summary>
    public static Tensor PixelShuffle(Tensor x, long r) => Aten.PixelShuffle.Invoke(x, r);

    /// <summary>[N, C, H·r, W·r] → [N, C·r², H, W]; the inverse of <see cref="PixelShuffle"/>.</summary>
    public static Tensor PixelUnshuffle(Tensor x, long r) => Aten.PixelUnshuffle.Invoke(x, r);

    /// <summary>Rows of <paramref name="weight"/> [count, dim] by Int64 indices of any shape: [indices…, dim].</summary>
    public static Tensor Embedding(Tensor weight, Tensor indices) => Aten.Embedding.Invoke(weight, indices);

    /// <summary>Mean of (a−b)² over all elements.</summary>
    public static Tensor MseLoss(Tensor a, Tensor b) => Aten.MseLoss.Invoke(a, b);

    /// <summary>Mean of −t·log σ(x) − (1−t)·log(1−σ(x)), without overflow.</summary>
    public static Tensor BinaryCrossEntropyWithLogits(Tensor logits, Tensor targets) => Aten.BinaryCrossEntropyWithLogits.Invoke(logits, targets);

    /// <summary>Mean of −log softmax(logits)[target].</summary>
    /// <param name="logits">[N, V].</param>
    /// <param name="targets">[N] Int64 in [0, V); −100 leaves the row out.</param>
    public static Tensor CrossEntropy(Tensor logits, Tensor targets) =>
        Aten.CrossEntropy.Invoke(logits, targets, Argument.None, ReductionMean);

    /// <summary>Repeats the outermost pixels outwards. [N, C, H, W] → [N, C, top+H+bottom, left+W+right].</summary>
    public static Tensor PadReplicate(Tensor x, long left, long right, long top, long bottom)
    {
        long* padding = stackalloc long[] { left, right, top, bottom };
        return Aten.ReplicationPad2d.Invoke(x, Argument.Longs(padding, 4));
    }

    /// <summary>Means of k×k blocks: [N, C, H, W] → [N, C, H/k, W/k].</summary>
    public static Tensor AvgPool2d(Tensor x, long k)
    {
        long* kernel = stackalloc long[] { k, k };
        return Aten.AvgPool2d.Invoke(x, Argument.Longs(kernel, 2));
    }

    /// <summary>Repeats every pixel factor×factor times: [N, C, H, W] → [N, C, factor·H, factor·W].</summary>
    public static Tensor UpsampleNearest2d(Tensor x, long factor)
    {
        long* size = stackalloc long[] { x.Size(2) * factor, x.Size(3) * factor };
        return Aten.UpsampleNearest2d.Invoke(x, Argument.Longs(size, 2));
    }
}
