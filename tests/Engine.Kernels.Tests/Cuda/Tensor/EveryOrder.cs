using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Tests.Devices;

namespace Engine.Kernels.Tests.Cuda.Tensor;

internal static class EveryOrder
{
    /// <summary>What <paramref name="run"/> gives with threads and blocks in ascending, descending and shuffled order, which must be the same bits.</summary>
    public static T[] InEveryOrder<T>(this EmulatedDevice device, Func<T[]> run)
        where T : unmanaged
    {
        T[]? first = null;
        foreach (EmulationOrder order in Enum.GetValues<EmulationOrder>())
        {
            device.Emulation.Order = order;
            T[] results = run();
            if (first is not null) Assert.Equal(first, results);
            first ??= results;
        }

        return first!;
    }
}
