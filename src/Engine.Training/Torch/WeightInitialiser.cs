using Engine.Kernels.Ops.Philox;
using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>
/// First values of weights. Each tensor takes the next of a row of random streams (<see cref="PhiloxStream.WeightInitialisation"/>, the running
/// number in the place of the environment), so that a model built in the same order from the same seed starts the same on every machine.
/// All tensors are Float32. Fan-in is the product of all axes but the first, as for weights [out, in] and [out, in, kH, kW].
/// </summary>
/// <param name="seed">The run's seed.</param>
public sealed class WeightInitialiser(ulong seed)
{
    private uint _count;

    /// <summary>Normal with mean 0.</summary>
    /// <param name="std">Standard deviation.</param>
    /// <param name="shape">Shape of the tensor.</param>
    public Tensor Normal(double std, params ReadOnlySpan<long> shape)
    {
        var values = new float[Count(shape)];
        Philox.FillNormal(values, NextKey());
        for (int i = 0; i < values.Length; i++) values[i] = (float)(values[i] * std);
        return Tensor.FromSpan(values, shape);
    }

    /// <summary>Uniform in (low, high).</summary>
    /// <param name="low">Lower bound.</param>
    /// <param name="high">Upper bound.</param>
    /// <param name="shape">Shape of the tensor.</param>
    public Tensor Uniform(double low, double high, params ReadOnlySpan<long> shape)
    {
        var values = new float[Count(shape)];
        Philox.FillUniform(values, NextKey());
        for (int i = 0; i < values.Length; i++) values[i] = (float)(low + (high - low) * values[i]);
        return Tensor.FromSpan(values, shape);
    }

    /// <summary>PyTorch's default for the weights of Linear and Conv2d: uniform within ±1/√fan-in.</summary>
    /// <exception cref="ArgumentException">Fewer than two axes.</exception>
    public Tensor KaimingUniform(params ReadOnlySpan<long> shape)
    {
        double bound = Bound(FanIn(shape));
        return Uniform(-bound, bound, shape);
    }

    /// <summary>PyTorch's default for the bias of Linear and Conv2d: [size], uniform within ±1/√<paramref name="fanIn"/>.</summary>
    /// <param name="fanIn">Fan-in of the weight that the bias goes with.</param>
    /// <param name="size">Length of the bias.</param>
    public Tensor Bias(long fanIn, long size)
    {
        double bound = Bound(fanIn);
        return Uniform(-bound, bound, size);
    }

    /// <summary>Uniform within ±gain·√(6/(fan-in + fan-out)) (Glorot and Bengio 2010).</summary>
    /// <exception cref="ArgumentException">Fewer than two axes.</exception>
    public Tensor XavierUniform(ReadOnlySpan<long> shape, double gain = 1)
    {
        long fanIn = FanIn(shape);
        double bound = gain * Math.Sqrt(6.0 / (fanIn + fanIn / shape[1] * shape[0]));
        return Uniform(-bound, bound, shape);
    }

    /// <summary>
    /// Rows, or columns where there are more rows than columns, that are orthonormal, times <paramref name="gain"/>; the axes after the
    /// first count as one. The QR decomposition of a normal matrix with the signs of R's diagonal made positive (Saxe et al. 2013).
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than two axes.</exception>
    public Tensor Orthogonal(ReadOnlySpan<long> shape, double gain = 1)
    {
        long rows = shape.Length == 0 ? 0 : shape[0], columns = FanIn(shape);
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        TorchDevice device = DeviceScope.Current;
        // The decomposition is the processor's, so that a model starts the same on every device.
        using var host = new DeviceScope(TorchDevice.Cpu);
        Tensor normal = Normal(1, Math.Max(rows, columns), Math.Min(rows, columns)).To(ScalarType.Float64);
        (Tensor q, Tensor r) = Aten.Qr.InvokePair(normal);
        Tensor sign = Tensor.Where(Aten.Diagonal.Invoke(r).Ge(0), Tensor.Ones(), Tensor.Full(-1));
        Tensor orthonormal = q * sign;
        if (rows < columns) orthonormal = orthonormal.Transpose(0, 1);
        return scope.Keep((orthonormal * gain).To(ScalarType.Float32).Contiguous().Reshape(shape).To(device));
    }

    private static double Bound(long fanIn) => fanIn > 0 ? 1 / Math.Sqrt(fanIn) : 0;

    private static long FanIn(ReadOnlySpan<long> shape)
    {
        if (shape.Length < 2)
            throw new ArgumentException($"a weight has at least two axes, got [{string.Join(", ", shape.ToArray())}]", nameof(shape));
        return Count(shape[1..]);
    }

    private static long Count(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long size in shape) count = checked(count * size);
        return count;
    }

    private PhiloxKey NextKey() => new(seed, PhiloxStream.WeightInitialisation, _count++);
}
