using System.Runtime.InteropServices;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Tests.Devices;

namespace Engine.Kernels.Tests.Cuda.Elementwise;

/// <summary>Runs work on an emulated device with threads and blocks in every order; what differs is a missing barrier.</summary>
internal static class EveryOrder
{
    /// <summary>The result, which must be the same bits in every order.</summary>
    public static T[] Run<T>(EmulatedDevice device, Func<T[]> work)
        where T : unmanaged
    {
        T[]? first = null;
        foreach (EmulationOrder order in Enum.GetValues<EmulationOrder>())
        {
            device.Emulation.Order = order;
            device.Emulation.OrderSeed = 11;
            T[] result = work();
            first ??= result;
            Assert.True(MemoryMarshal.AsBytes(first.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(result.AsSpan())), $"{order} differs from {EmulationOrder.Ascending}");
        }

        return first!;
    }

    /// <summary>Standard normal numbers, named by an index.</summary>
    public static float[] Normal(int length, uint name)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(5, PhiloxStream.Latent, name));
        return values;
    }

    /// <summary>The same, rounded to bfloat16.</summary>
    public static Bfloat16[] NormalBfloat16(int length, uint name) => Bfloat16.Round(Normal(length, name));

    public static float[] Widen(ReadOnlySpan<Bfloat16> values)
    {
        var wide = new float[values.Length];
        for (int i = 0; i < wide.Length; i++) wide[i] = values[i].ToSingle();
        return wide;
    }

    /// <summary>Half a unit of bfloat16's last place, and a little for the sums.</summary>
    public const float Bfloat16Error = 0.0041f;
}
