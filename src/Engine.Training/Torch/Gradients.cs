using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>Size of the gradients of a whole model.</summary>
public static unsafe class Gradients
{
    /// <summary>√Σg² over the gradients of all parameters; those without one count nothing. The same for any number of threads.</summary>
    public static double Norm(IReadOnlyList<Tensor> parameters)
    {
        fixed (nint* handles = Handles(parameters))
        {
            if (TorchNative.eng_torch_grad_norm(handles, parameters.Count, out double norm) != 0)
                throw new TorchException($"gradient norm: {TorchNative.LastError()}");
            GC.KeepAlive(parameters);
            return norm;
        }
    }

    /// <summary>Scales all gradients by maxNorm/norm where their norm is above <paramref name="maxNorm"/>.</summary>
    /// <returns>The norm before; not finite where a gradient is not, in which case nothing is scaled.</returns>
    /// <exception cref="ArgumentOutOfRangeException">maxNorm is not positive.</exception>
    public static double ClipNorm(IReadOnlyList<Tensor> parameters, double maxNorm)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxNorm);
        double norm = Norm(parameters);
        if (!double.IsFinite(norm) || norm <= maxNorm) return norm;
        fixed (nint* handles = Handles(parameters))
        {
            if (TorchNative.eng_torch_scale_grads(handles, parameters.Count, maxNorm / norm) != 0)
                throw new TorchException($"gradient clipping: {TorchNative.LastError()}");
        }

        GC.KeepAlive(parameters);
        return norm;
    }

    private static nint[] Handles(IReadOnlyList<Tensor> parameters)
    {
        var handles = new nint[parameters.Count];
        for (int i = 0; i < handles.Length; i++) handles[i] = parameters[i].Handle;
        return handles;
    }
}
