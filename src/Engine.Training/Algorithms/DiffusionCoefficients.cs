using System.Collections.Concurrent;
using Engine.Runtime.WorldModel;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>The sigmoid noise schedule (Jabri et al., arXiv 2212.11972; start −3, end 3, tau 1, 1000 steps) as a tensor.</summary>
public static class DiffusionCoefficients
{
    /// <summary>The timestep with which context frames enter the network.</summary>
    public const int ContextTimestep = 14;

    private static readonly ConcurrentDictionary<TorchDevice, Tensor> Tables = [];

    /// <summary>ā of timesteps 0 … 999, float32 [1000], on a device.</summary>
    public static Tensor AlphaBar(TorchDevice device) => Tables.GetOrAdd(device, static where =>
    {
        using var scope = new DeviceScope(where);
        return TensorScope.Free(Tensor.FromSpan(DiffusionSchedule.Default.AlphasCumprod, DiffusionSchedule.TrainingSteps));
    });
}
