using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>Size of the gradients of a whole model.</summary>
public static unsafe class Gradients
{
    /// <summary>√Σg² over the gradients of all parameters; those without one count nothing. The same for any number of threads.</summary>
    public static double Norm(IReadOnlyList<Tensor> parameters)
    {
        var list = new HandleList(parameters);
        if (TorchNative.eng_torch_grad_norm(list.Refresh(), list.Count, out double norm) != 0)
            throw new TorchException($"gradient norm: {TorchNative.LastError()}");
        GC.KeepAlive(list);
        return norm;
    }

    /// <summary>Scales all gradients by maxNorm/norm where their norm is above <paramref name="maxNorm"/>.</summary>
    /// <returns>The norm before; not finite where a gradient is not, in which case nothing is scaled.</returns>
    /// <exception cref="ArgumentOutOfRangeException">maxNorm is not positive.</exception>
    public static double ClipNorm(IReadOnlyList<Tensor> parameters, double maxNorm)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxNorm);
        double norm = Norm(parameters);
        if (!double.IsFinite(norm) || norm <= maxNorm) return norm;
        var list = new HandleList(parameters);
        if (TorchNative.eng_torch_scale_grads(list.Refresh(), list.Count, maxNorm / norm) != 0)
            throw new TorchException($"gradient clipping: {TorchNative.LastError()}");
        GC.KeepAlive(list);
        return norm;
    }
}
