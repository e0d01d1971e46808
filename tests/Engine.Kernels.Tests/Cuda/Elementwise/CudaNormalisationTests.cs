using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.GatedResidual;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.LayerNorm;
using Engine.Kernels.Ops.Quantise;
using Engine.Kernels.Tests.Devices;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Cuda.Elementwise;

public sealed class CudaNormalisationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(33)]
    [InlineData(100)]
    [InlineData(128)]
    [InlineData(257)]
    [InlineData(384)]
    [InlineData(1024)]
    public void Layer_norm_gives_the_references_numbers(int width)
    {
        using var device = EmulatedDevice.Open();
        int stride = width % 4 == 0 ? 2 * width + 4 : 2 * width + 3;
        foreach (var (rows, perGroup, firstRow) in new[] { (0, 1, 0), (1, 1, 0), (7, 3, 5), (18, 4, 2) })
        {
            float[] x = EveryOrder.Normal(rows * width, 1), modulation = EveryOrder.Normal(10 * stride, 2), expected = new float[rows * width];
            for (int i = 0; i < x.Length; i++) x[i] = 3 * x[i] + 5;
            LayerNorm.Modulate(KernelVariant.Reference, x, rows, width, modulation, modulation.AsSpan(width), stride, perGroup, firstRow, expected, 1e-6f);
            using DeviceGuarded<float> from = new(device, x), m = new(device, modulation);
            // In narrow rows the variance may be next to nothing, and what rounding leaves of x − mean is multiplied by up to 1000.
            float[] wide = EveryOrder.Run(device, () => Run<float>(device, from, m));
            Guarded.Near(expected, wide, width <= 4 ? 1e-3f : 4e-6f, 2e-6f, $"{rows} × {width}");
            float[] small = EveryOrder.Widen(EveryOrder.Run(device, () => Run<Bfloat16>(device, from, m)));
            Guarded.Near(wide, small, 0, EveryOrder.Bfloat16Error, $"{rows} × {width} in bfloat16");

            T[] Run<T>(EmulatedDevice on, DeviceGuarded<float> source, DeviceGuarded<float> vectors)
                where T : unmanaged
            {
                using DeviceGuarded<T> y = new(on, rows * width);
                LayerNorm.Modulate<T>(on.Stream, source, rows, width, vectors, vectors.Span.Slice(width), stride, perGroup, firstRow, y);
                return y.Read();
            }
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(100)]
    [InlineData(384)]
    public void In_e4m3_a_row_has_its_own_scale_and_bounds_what_the_next_layer_makes_of_it(int width)
    {
        using var device = EmulatedDevice.Open();
        device.Needs("float8");
        const int Rows = 7;
        const float WeightNorm = 0.3f, GreatestBias = 0.2f;
        float[] x = EveryOrder.Normal(Rows * width, 1), modulation = EveryOrder.Normal(2 * width, 2);
        using DeviceGuarded<float> from = new(device, x), m = new(device, modulation), wide = new(device, Rows * width);
        LayerNorm.Modulate<float>(device.Stream, from, Rows, width, m, m.Span.Slice(width), 0, Rows, 0, wide);
        float[] exact = wide.Read();
        byte[] all = EveryOrder.Run(device, () =>
        {
            using DeviceGuarded<Float8> y = new(device, Rows * width);
            using DeviceGuarded<float> scales = new(device, Rows), bounds = new(device, Rows);
            LayerNorm.ModulateQuantised(device.Stream, from, Rows, width, m, m.Span.Slice(width), 0, Rows, 0, y, scales, bounds, WeightNorm, GreatestBias);
            return (byte[])[.. System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>((float[])[.. scales.Read(), .. bounds.Read()]), .. y.Read().Select(number => number.Bits)];
        });
        float[] kept = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(all.AsSpan(0, 2 * Rows * sizeof(float))).ToArray();
        for (int row = 0; row < Rows; row++)
        {
            float[] own = exact[(row * width)..((row + 1) * width)];
            float scale = kept[row];
            Assert.Equal(own.Max(Math.Abs) / 448, scale, 1e-6f * scale);
            double length = 0;
            for (int i = 0; i < width; i++)
            {
                float stored = new Float8(all[2 * Rows * sizeof(float) + row * width + i]).ToSingle() * scale;
                Assert.InRange(Math.Abs(stored - own[i]), 0, Math.Max(Math.Abs(own[i]) / 16, scale / 1024) * 1.0001f);
                length += (double)stored * stored;
            }

            // No more than is needed for rounding, either.
            double most = (Math.Sqrt(length) * WeightNorm + GreatestBias) / 448;
            Assert.InRange(kept[Rows + row], most, 1.15 * most);
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(132)]
    [InlineData(1024)]
    public void Weights_are_rounded_to_e4m3_row_by_row(int width)
    {
        using var device = EmulatedDevice.Open();
        device.Needs("float8");
        const int Rows = 9;
        float[] x = EveryOrder.Normal(Rows * width, 1);
        x.AsSpan(2 * width, width).Clear();
        float[] scales = [];
        using DeviceGuarded<float> from = new(device, x);
        foreach (int order in new[] { 0, 1 })
        {
            device.Emulation.Order = (EmulationOrder)order;
            using DeviceGuarded<Float8> y = new(device, Rows * width);
            using DeviceGuarded<float> s = new(device, Rows), n = new(device, Rows);
            Quantise.Rows(device.Stream, from, Rows, width, y, s, n);
            Float8[] rounded = y.Read();
            float[] norms = n.Read();
            scales = s.Read();
            for (int row = 0; row < Rows; row++)
            {
                var wanted = new Float8[width];
                Assert.Equal(Float8.Quantise(x.AsSpan(row * width, width), wanted), scales[row], 1e-6f * scales[row]);
                double length = 0;
                for (int i = 0; i < width; i++)
                {
                    float stored = rounded[row * width + i].ToSingle();
                    // A quotient that lies between two numbers may go to either.
                    Assert.InRange(Math.Abs(stored - wanted[i].ToSingle()), 0, Math.Abs(stored) / 7);
                    length += (double)stored * stored;
                }

                Assert.Equal(Math.Sqrt(length) * scales[row], norms[row], 1e-4);
            }
        }

        Assert.Equal(1, scales[2]);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    public void A_gated_residual_is_the_references(int width)
    {
        using var device = EmulatedDevice.Open();
        foreach (int rows in new[] { 0, 1, 2, 13, 64 })
        {
            foreach (bool biased in new[] { false, true })
            {
                int stride = width + 4;
                float[] x = EveryOrder.Normal(rows * width, 1), gates = EveryOrder.Normal(stride * (rows + 2), 2), bias = EveryOrder.Normal(biased ? width : 0, 3);
                Bfloat16[] y = EveryOrder.NormalBfloat16(rows * width, 4);
                float[] wide = EveryOrder.Widen(y), expected = [.. x];
                GatedResidual.Reference(wide, rows, width, bias, gates, stride, 3, 2, expected);
                using DeviceGuarded<float> g = new(device, gates), b = new(device, bias), y32 = new(device, wide);
                using DeviceGuarded<Bfloat16> y16 = new(device, y);
                Assert.Equal(expected, EveryOrder.Run(device, () => Run(y32.Span)));
                Assert.Equal(expected, EveryOrder.Run(device, () => Run(y16.Span)));

                float[] Run<T>(DeviceSpan<T> added)
                    where T : unmanaged
                {
                    using DeviceGuarded<float> sum = new(device, x);
                    GatedResidual.Add(device.Stream, added, rows, width, b, g, stride, 3, 2, sum);
                    return sum.Read();
                }
            }
        }
    }

    [Fact]
    public void Wrong_arguments_are_named()
    {
        using var device = EmulatedDevice.Open();
        using DeviceGuarded<float> x = new(device, 64);
        Assert.Contains("y must be float or Bfloat16, it is Double", Assert.Throws<ArgumentException>(() => LayerNorm.Modulate<double>(device.Stream, x, 2, 8, x, x, 8, 1, 0, default)).Message, StringComparison.Ordinal);
        Assert.Contains("rows × width = 9 × 8", Assert.Throws<ArgumentException>(() => LayerNorm.Modulate<float>(device.Stream, x, 9, 8, x, x, 8, 1, 0, x)).Message, StringComparison.Ordinal);
        Assert.Contains("shifts must start at a multiple of 16 bytes", Assert.Throws<ArgumentException>(() => LayerNorm.Modulate<float>(device.Stream, x, 2, 8, x.Span.Slice(1), x, 8, 1, 0, x)).Message, StringComparison.Ordinal);
        Assert.Contains("stride must be a multiple of 4, it is 9", Assert.Throws<ArgumentException>(() => LayerNorm.Modulate<float>(device.Stream, x, 2, 8, x, x, 9, 1, 0, x)).Message, StringComparison.Ordinal);
    }
}
