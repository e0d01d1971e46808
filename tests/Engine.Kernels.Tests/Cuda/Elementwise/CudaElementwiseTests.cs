using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Conditioning;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Tests.Devices;

namespace Engine.Kernels.Tests.Cuda.Elementwise;

public sealed class CudaElementwiseTests
{
    [Theory]
    [InlineData(ActivationFunction.None)]
    [InlineData(ActivationFunction.GeluTanh)]
    [InlineData(ActivationFunction.Silu)]
    [InlineData(ActivationFunction.Exp)]
    [InlineData(ActivationFunction.Tanh)]
    public void Activations_are_the_exact_functions_for_all_lengths(ActivationFunction function)
    {
        using var device = EmulatedDevice.Open();
        for (int length = 0; length <= 257; length++)
        {
            float[] x = EveryOrder.Normal(length, (uint)length);
            for (int i = 0; i < length; i++) x[i] *= 1 + i % 17;
            float[] expected = [.. x.Select(value => Activation.Reference(function, value))];
            using DeviceGuarded<float> source = new(device, x);
            float[] Run()
            {
                using DeviceGuarded<float> y = new(device, length);
                Activation.Apply<float, float>(device.Stream, function, source, y);
                return y.Read();
            }

            Guarded.Near(expected, length % 16 == 1 ? EveryOrder.Run(device, Run) : Run(), 1e-7f, 4e-6f, $"{function} of {length}");
        }
    }

    [Fact]
    public void Activations_take_and_give_bfloat16()
    {
        using var device = EmulatedDevice.Open();
        foreach (int length in new[] { 1, 8, 2047, 2048, 2049, 5000 })
        {
            Bfloat16[] x = EveryOrder.NormalBfloat16(length, 1);
            float[] expected = [.. x.Select(value => Activation.Reference(ActivationFunction.GeluTanh, value.ToSingle()))];
            using DeviceGuarded<Bfloat16> source = new(device, x);
            Bfloat16[] result = EveryOrder.Run(device, () =>
            {
                using DeviceGuarded<Bfloat16> y = new(device, length);
                Activation.Apply<Bfloat16, Bfloat16>(device.Stream, ActivationFunction.GeluTanh, source, y);
                return y.Read();
            });
            Guarded.Near(expected, EveryOrder.Widen(result), 1e-7f, EveryOrder.Bfloat16Error, $"{length}");
        }
    }

    [Fact]
    public void Noise_is_the_processors_for_all_lengths_and_keys()
    {
        using var device = EmulatedDevice.Open();
        uint[] keys = [.. Enumerable.Range(0, 15).Select(i => (uint)(i * i))];
        using DeviceGuarded<uint> own = new(device, keys);
        for (int columns = 0; columns <= 257; columns++)
        {
            float[] expected = new float[5 * columns];
            for (int row = 0; row < 5; row++)
                Philox.FillNormal(expected.AsSpan(row * columns, columns), new PhiloxKey(0xFEDCBA9876543210, PhiloxStream.DreamNoise, keys[3 * row], keys[3 * row + 1], keys[3 * row + 2]));
            float[] Run()
            {
                using DeviceGuarded<float> y = new(device, 5 * columns);
                Philox.FillNormal(device.Stream, y, 5, columns, own, 0xFEDCBA9876543210, PhiloxStream.DreamNoise);
                return y.Read();
            }

            Guarded.Near(expected, columns % 16 == 1 ? EveryOrder.Run(device, Run) : Run(), 1e-6f, 4e-7f, $"{columns} columns");
        }
    }

    [Theory]
    [InlineData(6, 1)]
    [InlineData(20, 7)]
    [InlineData(128, 14)]
    public void Conditioning_is_the_references(int dim, int actionDim)
    {
        using var device = EmulatedDevice.Open();
        foreach (var (rows, perAction) in new[] { (0, 1), (1, 1), (5, 1), (22, 10) })
        {
            float[] time = EveryOrder.Normal(50 * dim, 1), actions = EveryOrder.Normal(22 * actionDim, 2), weight = EveryOrder.Normal(actionDim * dim, 3), bias = EveryOrder.Normal(dim, 4);
            int[] times = [.. Enumerable.Range(0, rows).Select(row => row * 7 % 50)];
            float[] expected = new float[rows * dim];
            Conditioning.Reference(time, times, actions, rows, perAction, weight, bias, expected);
            using DeviceGuarded<float> t = new(device, time), a = new(device, actions), w = new(device, weight), b = new(device, bias);
            using DeviceGuarded<int> which = new(device, times);
            Bfloat16[] result = EveryOrder.Run(device, () =>
            {
                using DeviceGuarded<Bfloat16> y = new(device, rows * dim);
                Conditioning.Embed<Bfloat16>(device.Stream, t, which, a, rows, perAction, actionDim, w, b, dim, y);
                return y.Read();
            });
            Guarded.Near(expected, EveryOrder.Widen(result), 1e-6f, EveryOrder.Bfloat16Error, $"{rows} × {dim}");
        }
    }
}
