using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Rotary;
using Engine.Kernels.Ops.TemporalAttention;
using Engine.Kernels.Tests.Devices;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Cuda.Elementwise;

public sealed class CudaTemporalAttentionTests
{
    [Theory]
    [InlineData(8, 1, RotaryFrequencies.Standard)]
    [InlineData(32, 4, RotaryFrequencies.Pixel)]
    [InlineData(40, 3, RotaryFrequencies.Standard)]
    [InlineData(64, 2, RotaryFrequencies.Pixel)]
    public void Packed_rows_are_rotated_as_on_the_processor(int headWidth, int heads, RotaryFrequencies frequencies)
    {
        using var device = EmulatedDevice.Open();
        RotaryTable table = RotaryTable.Create(frequencies, headWidth, 3, 5);
        using var angles = new DeviceRotaryTable(device.Stream, table);
        int dim = heads * headWidth;
        foreach (var (rows, perPosition, first) in new[] { (0, 1, 0), (1, 1, 0), (15, 1, 0), (41, 1, 7), (33, 4, 2) })
        {
            Bfloat16[] qkv = EveryOrder.NormalBfloat16(rows * 3 * dim, 1);
            float[] expected = EveryOrder.Widen(qkv);
            for (int row = 0; row < rows; row++)
            {
                for (int head = 0; head < 2 * heads; head++)
                    Rotary.Apply(KernelVariant.Reference, expected.AsSpan(row * 3 * dim + head * headWidth, headWidth), 1, table, first + row / perPosition);
            }

            Bfloat16[] rotated = EveryOrder.Run(device, () =>
            {
                using DeviceGuarded<Bfloat16> x = new(device, qkv);
                Rotary.ApplyPacked<Bfloat16>(device.Stream, x, rows, heads, angles, perPosition, first);
                return x.Read();
            });
            Guarded.Near(expected, EveryOrder.Widen(rotated), 1e-6f, EveryOrder.Bfloat16Error, $"{rows} rows of {heads} × {headWidth}");
        }
    }

    [Theory]
    [InlineData(1, 1, 8, 1)]
    [InlineData(5, 3, 24, 4)]
    [InlineData(16, 4, 32, 4)]
    [InlineData(7, 2, 64, 10)]
    [InlineData(3, 1, 128, 20)]
    [InlineData(2, 2, 16, 64)]
    public void A_new_frame_of_each_environment_attends_to_its_own_past(int tokens, int heads, int headWidth, int window)
    {
        using var device = EmulatedDevice.Open();
        var shape = new TemporalAttentionShape(tokens, heads, headWidth, window);
        RotaryTable table = RotaryTable.Create(RotaryFrequencies.Standard, headWidth, 200);
        using var angles = new DeviceRotaryTable(device.Stream, table);
        // Environments at different times: one with an empty past, one within its first window, one whose ring has turned.
        (int Cache, int Position)[] frames = [(2, 0), (0, window / 2), (1, 3 * window + 1)];
        int count = frames.Length, dim = shape.Dim;
        Bfloat16[] qkv = EveryOrder.NormalBfloat16(count * tokens * 3 * dim, 1);
        Bfloat16[] keys = EveryOrder.NormalBfloat16((int)(3 * shape.CacheLength), 2), values = EveryOrder.NormalBfloat16((int)(3 * shape.CacheLength), 3);
        int[] descriptions = Describe(shape, frames);
        using DeviceGuarded<Bfloat16> source = new(device, qkv);
        using DeviceGuarded<int> described = new(device, descriptions);

        Bfloat16[] fused = EveryOrder.Run(device, () => Work(true)), apart = EveryOrder.Run(device, () => Work(false));
        Assert.Equal(apart, fused);
        var (expectedKeys, expectedValues, expected) = Reference(shape, table, frames, qkv, keys, values);
        int cache = keys.Length;
        Guarded.Near(expectedKeys, EveryOrder.Widen(fused.AsSpan(0, cache)), 1e-6f, EveryOrder.Bfloat16Error, "keys");
        Guarded.Near(expectedValues, EveryOrder.Widen(fused.AsSpan(cache, cache)), 0, 0, "values");
        Guarded.Near(expected, EveryOrder.Widen(fused.AsSpan(2 * cache)), 2e-3f, EveryOrder.Bfloat16Error, "results");

        Bfloat16[] Work(bool together)
        {
            using DeviceGuarded<Bfloat16> k = new(device, keys), v = new(device, values), y = new(device, count * tokens * dim);
            if (together)
            {
                TemporalAttention.AppendAndAttend<Bfloat16>(device.Stream, shape, source, described, count, angles, k, v, y);
            }
            else
            {
                TemporalAttention.Append<Bfloat16>(device.Stream, shape, source, described, count, angles, k, v);
                TemporalAttention.Attend<Bfloat16>(device.Stream, shape, source, described, count, angles, k, v, y);
            }

            return [.. k.Read(), .. v.Read(), .. y.Read()];
        }
    }

    [Theory]
    [InlineData(5, 3, 24, 4)]
    [InlineData(7, 2, 64, 10)]
    public void In_float32_a_new_frame_attends_as_on_the_processor(int tokens, int heads, int headWidth, int window)
    {
        using var device = EmulatedDevice.Open();
        var shape = new TemporalAttentionShape(tokens, heads, headWidth, window);
        RotaryTable table = RotaryTable.Create(RotaryFrequencies.Standard, headWidth, 200);
        using var angles = new DeviceRotaryTable(device.Stream, table);
        (int Cache, int Position)[] frames = [(2, 0), (0, window / 2), (1, 3 * window + 1)];
        int count = frames.Length, dim = shape.Dim;
        float[] qkv = EveryOrder.Normal(count * tokens * 3 * dim, 1), keys = EveryOrder.Normal((int)(3 * shape.CacheLength), 2), values = EveryOrder.Normal((int)(3 * shape.CacheLength), 3);
        using DeviceGuarded<float> source = new(device, qkv);
        using DeviceGuarded<int> described = new(device, Describe(shape, frames));
        float[] result = EveryOrder.Run(device, () =>
        {
            using DeviceGuarded<float> k = new(device, keys), v = new(device, values), y = new(device, count * tokens * dim);
            TemporalAttention.AppendAndAttend<float>(device.Stream, shape, source, described, count, angles, k, v, y);
            return (float[])[.. k.Read(), .. v.Read(), .. y.Read()];
        });
        var (expectedKeys, expectedValues, expected) = Reference(shape, table, frames, qkv, keys, values, key => key);
        Guarded.Near([.. expectedKeys, .. expectedValues, .. expected], result, 2e-6f, 2e-6f, "keys, values, results");
    }

    [Fact]
    public void Several_frames_of_one_environment_see_one_another_causally()
    {
        using var device = EmulatedDevice.Open();
        var shape = new TemporalAttentionShape(4, 2, 32, 6);
        RotaryTable table = RotaryTable.Create(RotaryFrequencies.Standard, 32, 20);
        using var angles = new DeviceRotaryTable(device.Stream, table);
        (int Cache, int Position)[] frames = [(0, 0), (0, 1), (0, 2), (1, 7), (1, 8), (0, 3)];
        Bfloat16[] qkv = EveryOrder.NormalBfloat16(frames.Length * 4 * 3 * 64, 1), keys = EveryOrder.NormalBfloat16((int)(2 * shape.CacheLength), 2), values = EveryOrder.NormalBfloat16((int)(2 * shape.CacheLength), 3);
        using DeviceGuarded<Bfloat16> source = new(device, qkv);
        using DeviceGuarded<int> described = new(device, Describe(shape, frames));
        Bfloat16[] result = EveryOrder.Run(device, () =>
        {
            using DeviceGuarded<Bfloat16> k = new(device, keys), v = new(device, values), y = new(device, frames.Length * 4 * 64);
            TemporalAttention.Append<Bfloat16>(device.Stream, shape, source, described, frames.Length, angles, k, v);
            TemporalAttention.Attend<Bfloat16>(device.Stream, shape, source, described, frames.Length, angles, k, v, y);
            return y.Read();
        });
        Guarded.Near(Reference(shape, table, frames, qkv, keys, values).Output, EveryOrder.Widen(result), 2e-3f, EveryOrder.Bfloat16Error, "results");
    }

    [Fact]
    public void Wrong_descriptions_are_named()
    {
        var shape = new TemporalAttentionShape(4, 2, 32, 6);
        int[] description = new int[9];
        Assert.Contains("there are 0", Assert.Throws<ArgumentException>(() => shape.Describe(description, 0, 0, [])).Message, StringComparison.Ordinal);
        Assert.Contains("slot 6 is not within 0…5", Assert.Throws<ArgumentException>(() => shape.Describe(description, 0, 0, [6])).Message, StringComparison.Ordinal);
        Assert.Contains("must be 1…64 frames", Assert.Throws<ArgumentOutOfRangeException>(() => new TemporalAttentionShape(4, 2, 32, 65)).Message, StringComparison.Ordinal);
        Assert.Contains("8, 16, … 128 wide", Assert.Throws<ArgumentOutOfRangeException>(() => new TemporalAttentionShape(4, 2, 12, 6)).Message, StringComparison.Ordinal);
    }

    private static int[] Slots(int window, int position)
    {
        int seen = Math.Min(position + 1, window);
        return [.. Enumerable.Range(position - seen + 1, seen).Select(p => p % window)];
    }

    private static int[] Describe(TemporalAttentionShape shape, (int Cache, int Position)[] frames)
    {
        var descriptions = new int[frames.Length * shape.DescriptionLength];
        for (int i = 0; i < frames.Length; i++)
            shape.Describe(descriptions.AsSpan(i * shape.DescriptionLength, shape.DescriptionLength), frames[i].Cache, frames[i].Position, Slots(shape.Window, frames[i].Position));
        return descriptions;
    }

    private static (float[] Keys, float[] Values, float[] Output) Reference(
        TemporalAttentionShape shape, RotaryTable table, (int Cache, int Position)[] frames, Bfloat16[] qkv, Bfloat16[] keys, Bfloat16[] values) =>
        Reference(shape, table, frames, EveryOrder.Widen(qkv), EveryOrder.Widen(keys), EveryOrder.Widen(values), key => EveryOrder.Widen(Bfloat16.Round(key)));

    /// <summary>The processor's reference on the same numbers, with rotated keys rounded where they are stored.</summary>
    private static (float[] Keys, float[] Values, float[] Output) Reference(
        TemporalAttentionShape shape, RotaryTable table, (int Cache, int Position)[] frames, float[] source, float[] keys, float[] values, Func<float[], float[]> round)
    {
        int tokens = shape.Tokens, heads = shape.Heads, width = shape.HeadWidth, dim = shape.Dim;
        float[] wideKeys = [.. keys], wideValues = [.. values], output = new float[frames.Length * tokens * dim];
        float[] key = new float[width];
        for (int frame = 0; frame < frames.Length; frame++)
        {
            for (int token = 0; token < tokens; token++)
            {
                for (int head = 0; head < heads; head++)
                {
                    int from = (frame * tokens + token) * 3 * dim + dim + head * width, to = Place(frames[frame].Cache, frames[frame].Position % shape.Window, token, head);
                    source.AsSpan(from, width).CopyTo(key);
                    Rotary.Apply(KernelVariant.Reference, key, 1, table, frames[frame].Position);
                    round(key).CopyTo(wideKeys, to);
                    source.AsSpan(from + dim, width).CopyTo(wideValues.AsSpan(to));
                }
            }
        }

        int slotLength = TemporalAttention.SlotLength(1, heads, width);
        float[] packedKeys = new float[shape.Window * slotLength], packedValues = new float[shape.Window * slotLength], row = new float[3 * dim];
        for (int frame = 0; frame < frames.Length; frame++)
        {
            for (int token = 0; token < tokens; token++)
            {
                // One token alone, so that the processor's cache layout has it in the first of its sixteen lanes.
                for (int slot = 0; slot < shape.Window; slot++)
                {
                    for (int head = 0; head < heads; head++)
                    {
                        for (int c = 0; c < width; c++)
                        {
                            packedKeys[slot * slotLength + (head * width + c) * 16] = wideKeys[Place(frames[frame].Cache, slot, token, head) + c];
                            packedValues[slot * slotLength + (head * width + c) * 16] = wideValues[Place(frames[frame].Cache, slot, token, head) + c];
                        }
                    }
                }

                source.AsSpan((frame * tokens + token) * 3 * dim, 3 * dim).CopyTo(row);
                TemporalAttention.Attend(
                    KernelVariant.Reference, row, 1, heads, 0, 1, table, frames[frame].Position, Slots(shape.Window, frames[frame].Position), packedKeys, packedValues,
                    output.AsSpan((frame * tokens + token) * dim, dim));
            }
        }

        return (wideKeys, wideValues, output);

        int Place(int cache, int slot, int token, int head) => ((cache * shape.Window + slot) * tokens + token) * dim + head * width;
    }
}
