using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gae;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Tests.Devices;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Cuda.Elementwise;

public sealed class CudaGaeTests
{
    public static TheoryData<int, int, int> Shapes
    {
        get
        {
            // Tiles are 128 steps of 32 environments with vectors, 32 steps without; segments are 4 steps.
            var shapes = new TheoryData<int, int, int>();
            foreach (var (steps, environments) in new[] { (0, 4), (3, 0), (1, 1), (1, 4), (2, 7), (3, 32), (4, 33), (5, 36), (31, 64), (32, 5), (33, 3), (127, 8), (128, 12), (129, 65), (257, 68), (600, 4), (600, 31) })
            {
                foreach (int offset in environments % 4 == 0 ? [0, 1] : new[] { 0 }) shapes.Add(steps, environments, offset);
            }

            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Advantages_and_returns_are_the_processors(int steps, int environments, int offset)
    {
        using var device = EmulatedDevice.Open();
        int count = steps * environments;
        float[] rewards = EveryOrder.Normal(count, 1), values = EveryOrder.Normal(count, 2), next = EveryOrder.Normal(count, 3), expected = new float[count], returns = new float[count];
        foreach (double chance in new[] { 0, 0.02, 0.3 })
        {
            byte[] terminated = Flags(count, 4, chance), truncated = Flags(count, 5, chance);
            Gae.Compute(KernelVariant.Reference, rewards, values, next, terminated, truncated, steps, environments, 0.98f, 0.95f, expected, returns);
            using DeviceGuarded<float> r = Shifted(device, rewards, offset), v = new(device, values), n = new(device, next);
            using DeviceGuarded<byte> e = new(device, terminated), c = new(device, truncated);
            float[] both = EveryOrder.Run(device, () =>
            {
                using DeviceGuarded<float> a = new(device, count), g = new(device, count);
                Gae.Compute(device.Stream, r.Span.Slice(offset), v, n, e, c, steps, environments, 0.98f, 0.95f, a, g);
                return (float[])[.. a.Read(), .. g.Read()];
            });
            Guarded.Near(expected, both.AsSpan(0, count), 2e-5f, 2e-6f, $"advantages with ends at {chance}");
            Guarded.Near(returns, both.AsSpan(count), 2e-5f, 2e-6f, $"returns with ends at {chance}");

            using DeviceGuarded<float> only = new(device, count);
            Gae.Compute(device.Stream, r.Span.Slice(offset), v, n, e, c, steps, environments, 0.98f, 0.95f, only, only.Span.Slice(0, 0));
            Assert.Equal(both[..count], only.Read());
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void From_beginnings_it_is_the_processors_too(int steps, int environments, int offset)
    {
        using var device = EmulatedDevice.Open();
        int count = steps * environments;
        float[] rewards = EveryOrder.Normal(count, 1), values = EveryOrder.Normal(count, 2), last = EveryOrder.Normal(environments, 3), expected = new float[count], returns = new float[count];
        byte[] begins = Flags(count, 4, 0.1), lastBegins = Flags(environments, 5, 0.3);
        Gae.ComputeFromBeginnings(rewards, values, begins, last, lastBegins, steps, environments, 0.99f, 0.9f, expected, returns);
        using DeviceGuarded<float> r = Shifted(device, rewards, offset), v = new(device, values), l = new(device, last);
        using DeviceGuarded<byte> b = new(device, begins), f = new(device, lastBegins);
        float[] both = EveryOrder.Run(device, () =>
        {
            using DeviceGuarded<float> a = new(device, count), g = new(device, count);
            Gae.ComputeFromBeginnings(device.Stream, r.Span.Slice(offset), v, b, l, f, steps, environments, 0.99f, 0.9f, a, g);
            return (float[])[.. a.Read(), .. g.Read()];
        });
        Guarded.Near(expected, both.AsSpan(0, count), 2e-5f, 2e-6f, "advantages");
        Guarded.Near(returns, both.AsSpan(count), 2e-5f, 2e-6f, "returns");
    }

    [Fact]
    public void Wrong_lengths_are_named()
    {
        using var device = EmulatedDevice.Open();
        using DeviceGuarded<float> four = new(device, 4);
        using DeviceGuarded<byte> flags = new(device, 4);
        Assert.Contains("T·B = 3 × 2", Assert.Throws<ArgumentException>(() => Gae.Compute(device.Stream, four, four, four, flags, flags, 3, 2, 1, 1, four, default)).Message, StringComparison.Ordinal);
    }

    /// <summary>With an offset the array does not start at a multiple of 16 bytes, so the kernel without vectors is taken.</summary>
    private static DeviceGuarded<float> Shifted(EmulatedDevice device, float[] values, int offset)
    {
        var array = new DeviceGuarded<float>(device, values.Length + offset);
        device.Stream.Upload<float>(values, array.Span.Slice(offset));
        return array;
    }

    private static byte[] Flags(int count, uint name, double chance)
    {
        var random = new PhiloxRandom(new PhiloxKey(1, PhiloxStream.Latent, name));
        var flags = new byte[count];
        for (int i = 0; i < count; i++) flags[i] = random.NextFloat() < chance ? (byte)1 : (byte)0;
        return flags;
    }
}
