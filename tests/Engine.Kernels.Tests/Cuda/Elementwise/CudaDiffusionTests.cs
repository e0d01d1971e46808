using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.DdimUpdate;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Tests.Devices;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Cuda.Elementwise;

public sealed class CudaDiffusionTests
{
    public static TheoryData<int, int, int, int> Geometries => new() { { 8, 8, 4, 2 }, { 4, 6, 3, 1 }, { 6, 10, 5, 2 }, { 4, 4, 16, 2 }, { 9, 3, 4, 3 } };

    [Theory]
    [MemberData(nameof(Geometries))]
    public void Latents_go_to_tokens_and_back(int height, int width, int channels, int patch)
    {
        using var device = EmulatedDevice.Open();
        var geometry = new PatchGeometry(height, width, channels, patch);
        int stride = geometry.TokenNumbers + 4, frame = geometry.FrameNumbers, rows = geometry.Tokens;
        float[] latents = EveryOrder.Normal(5 * frame, 1);
        int[] order = [3, -1, 0, 4];
        using DeviceGuarded<float> source = new(device, latents);
        using DeviceGuarded<int> indices = new(device, order), back = new(device, [2, 0, 4]);
        float[] expected = new float[(4 * rows - 1) * stride + geometry.TokenNumbers];
        Array.Fill(expected, float.NaN);
        for (int i = 0; i < 4; i++)
        {
            float[] own = order[i] < 0 ? new float[frame] : latents[(order[i] * frame)..((order[i] + 1) * frame)];
            Patchify.ToTokens(own, height, width, channels, patch, 0.5f, expected.AsSpan(i * rows * stride), stride);
        }

        float[] tokens = EveryOrder.Run(device, () =>
        {
            using DeviceGuarded<float> to = new(device, expected.Length);
            Patchify.ToTokens<float>(device.Stream, geometry, source, indices, 4, 0.5f, to, stride);
            return to.Read();
        });
        Assert.Equal(expected, tokens);
        Bfloat16[] small = EveryOrder.Run(device, () =>
        {
            using DeviceGuarded<Bfloat16> to = new(device, 5 * rows * geometry.TokenNumbers);
            Patchify.ToTokens<Bfloat16>(device.Stream, geometry, source, indices.Span.Slice(0, 0), 5, 1, to, geometry.TokenNumbers);
            return to.Read();
        });
        for (int i = 0; i < 5; i++)
        {
            float[] own = new float[frame];
            Patchify.ToTokens(latents.AsSpan(i * frame, frame), height, width, channels, patch, 1, own, geometry.TokenNumbers);
            Assert.Equal(Bfloat16.Round(own), small[(i * frame)..((i + 1) * frame)]);
        }

        using DeviceGuarded<float> from = new(device, tokens);
        float[] returned = EveryOrder.Run(device, () =>
        {
            using DeviceGuarded<float> to = new(device, 5 * frame);
            Patchify.FromTokens<float>(device.Stream, geometry, from, stride, back, 3, to);
            return to.Read();
        });
        Assert.All(returned[frame..(2 * frame)], value => Assert.True(float.IsNaN(value)));
        Assert.All(returned[..frame], value => Assert.Equal(0, value));
        Assert.Equal(latents[(3 * frame)..(4 * frame)].Select(value => value * 0.5f), returned[(2 * frame)..(3 * frame)]);
        Assert.Equal(latents[..frame].Select(value => value * 0.5f), returned[(4 * frame)..]);
    }

    [Theory]
    [MemberData(nameof(Geometries))]
    public void A_denoising_step_gives_the_processors_bits(int height, int width, int channels, int patch)
    {
        using var device = EmulatedDevice.Open();
        var geometry = new PatchGeometry(height, width, channels, patch);
        int numbers = geometry.TokenNumbers, stride = 2 * numbers + 4, inputStride = 2 * numbers;
        foreach (var (frames, change) in new[] { (1, false), (3, true), (3, false), (0, true) })
        {
            int rows = frames * geometry.Tokens;
            float[] x = EveryOrder.Normal(rows * stride, 1), v = EveryOrder.Normal(rows * numbers, 2), previous = EveryOrder.Normal(rows * inputStride, 3), expected = [.. x];
            DdimStep step = DdimStep.Between(0.3, 0.7, change);
            DdimUpdate.Apply(KernelVariant.Reference, expected, stride, v, previous, inputStride, rows, numbers, step);
            using DeviceGuarded<float> output = new(device, v), before = new(device, previous);
            float[] both = EveryOrder.Run(device, () =>
            {
                using DeviceGuarded<float> noisy = new(device, x);
                using DeviceGuarded<Bfloat16> input = new(device, rows * inputStride);
                DdimUpdate.Apply<Bfloat16>(device.Stream, geometry, noisy, stride, output, before, inputStride, frames, step, input, inputStride);
                return (float[])[.. noisy.Read(), .. EveryOrder.Widen(input.Read())];
            });
            Assert.Equal(expected, both[..expected.Length]);
            for (int row = 0; row < rows; row++)
            {
                Assert.Equal(
                    EveryOrder.Widen(Bfloat16.Round(expected.AsSpan(row * stride, numbers))), both.AsSpan(expected.Length + row * inputStride, numbers));
                Assert.All(both[(expected.Length + row * inputStride + numbers)..(expected.Length + (row + 1) * inputStride)], value => Assert.True(float.IsNaN(value)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Geometries))]
    public void The_first_noise_is_the_processors_in_token_order(int height, int width, int channels, int patch)
    {
        using var device = EmulatedDevice.Open();
        var geometry = new PatchGeometry(height, width, channels, patch);
        int numbers = geometry.TokenNumbers, frame = geometry.FrameNumbers;
        uint[] keys = [4, 0, 9, 0, 2, 1];
        using DeviceGuarded<uint> own = new(device, keys);
        float[] expected = new float[2 * frame], noise = new float[frame];
        for (int i = 0; i < 2; i++)
        {
            Philox.FillNormal(noise, new PhiloxKey(77, PhiloxStream.DreamNoise, keys[3 * i], keys[3 * i + 1], keys[3 * i + 2]));
            Patchify.ToTokens(noise, height, width, channels, patch, 1, expected.AsSpan(i * frame), numbers);
        }

        float[] both = EveryOrder.Run(device, () =>
        {
            using DeviceGuarded<float> x = new(device, 2 * frame);
            using DeviceGuarded<Bfloat16> input = new(device, 2 * frame);
            DdimUpdate.Begin<Bfloat16>(device.Stream, geometry, own, 2, 77, PhiloxStream.DreamNoise, x, numbers, input, numbers);
            return (float[])[.. x.Read(), .. EveryOrder.Widen(input.Read())];
        });
        Guarded.Near(expected, both.AsSpan(0, 2 * frame), 1e-6f, 4e-7f, "noise");
        Assert.Equal(EveryOrder.Widen(Bfloat16.Round(both.AsSpan(0, 2 * frame))), both[(2 * frame)..]);
    }
}
