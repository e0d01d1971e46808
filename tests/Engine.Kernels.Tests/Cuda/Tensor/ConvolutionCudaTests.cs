using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Convolution;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Tests.Devices;

namespace Engine.Kernels.Tests.Cuda.Tensor;

/// <summary>Convolution.cu on the CPU against the plainest loop on the same rounded numbers.</summary>
public sealed class ConvolutionCudaTests
{
    private const float SumTolerance = 1e-6f, BfloatTolerance = 1f / 256;

    /// <summary>Fewer channels than a slice and more, images smaller than a tile and several in one, padding on one side only, as the encoder's halvings have it.</summary>
    [Theory]
    [InlineData(2, 3, 1, 1, 1, false, 2, 7, 5, 8, 9, 1)]
    [InlineData(2, 3, 1, 1, 1, false, 1, 9, 11, 72, 66, 2)]
    [InlineData(1, 3, 2, 0, 1, false, 3, 8, 10, 24, 70, 1)]
    [InlineData(0, 3, 1, 1, 1, true, 1, 6, 13, 16, 130, 1)]
    [InlineData(2, 1, 2, 0, 0, false, 2, 6, 7, 136, 3, 1)]
    [InlineData(3, 3, 1, 1, 1, false, 2, 9, 8, 40, 70, 1)]
    public void Convolutions_are_the_plain_loops(
        int tile, int kernel, int stride, int padding, int trailing, bool upsampled, int images, int height, int width, int inputs, int outputs, int splits)
    {
        using var device = EmulatedDevice.Open();
        float[] x = Rounded(images * height * width * inputs, 1), weight = Rounded(outputs * kernel * kernel * inputs, 2), bias = Guarded.Normal(outputs, 3).Span.ToArray();
        using DeviceBuffer<Bfloat16> onDevice = device.Stream.Upload<Bfloat16>(Bfloat16.Round(x)), weights = device.Stream.Upload<Bfloat16>(Bfloat16.Round(weight));
        using DeviceBuffer<float> biases = device.Stream.Upload<float>(bias);
        var convolution = new CudaConvolution(weights, biases, inputs, outputs, kernel, stride, padding, trailing, upsampled);
        int rows = convolution.OutputSize(height), columns = convolution.OutputSize(width), count = images * rows * columns * outputs;
        float[] expected = new float[count], magnitudes = new float[count];
        int scale = upsampled ? 2 : 1, at = 0;
        for (int pixel = 0; pixel < images * rows * columns; pixel++)
        {
            int image = pixel / (rows * columns), top = pixel / columns % rows * stride - padding, left = pixel % columns * stride - padding;
            for (int output = 0; output < outputs; output++, at++)
            {
                double sum = bias[output], magnitude = Math.Abs(sum);
                for (int k = 0; k < kernel * kernel * inputs; k++)
                {
                    int row = top + k / inputs / kernel, column = left + k / inputs % kernel;
                    if (row < 0 || row >= height * scale || column < 0 || column >= width * scale) continue;
                    double product = (double)x[((image * height + row / scale) * width + column / scale) * inputs + k % inputs] * weight[output * kernel * kernel * inputs + k];
                    sum += product;
                    magnitude += Math.Abs(product);
                }

                (expected[at], magnitudes[at]) = ((float)sum, (float)magnitude);
            }
        }

        var plan = GemmPlan.With(tile == 3 ? GemmTile.Warpgroup : GemmTile.All[tile], images * rows * columns, outputs, splits);
        using var workspace = new GemmWorkspace(device.Stream, plan);
        float[] plain = device.InEveryOrder(() =>
        {
            using DeviceBuffer<Bfloat16> y = device.Stream.Allocate<Bfloat16>(count);
            Convolution.Launch(plan, device.Stream, onDevice, images, height, width, convolution, y.Span, workspace, ActivationFunction.None);
            return Array.ConvertAll(device.Read(y.Span), value => value.ToSingle());
        });
        Near(expected, plain, magnitudes, BfloatTolerance);
        if (tile != 2) return;

        float[] before = Rounded(count, 4);
        float[] added = device.InEveryOrder(() =>
        {
            using DeviceBuffer<Bfloat16> y = device.Stream.Upload<Bfloat16>(Bfloat16.Round(before));
            Convolution.Launch(plan, device.Stream, onDevice, images, height, width, convolution, y.Span, workspace, null);
            return Array.ConvertAll(device.Read(y.Span), value => value.ToSingle());
        });
        Near([.. expected.Zip(before, (a, b) => a + b)], added, [.. magnitudes.Zip(before, (a, b) => a + Math.Abs(b))], BfloatTolerance);
        using DeviceBuffer<float> single = device.Stream.Allocate<float>(count);
        Convolution.Launch(plan, device.Stream, onDevice, images, height, width, convolution, single.Span, workspace, ActivationFunction.Silu);
        Near(Array.ConvertAll(expected, value => value / (1 + MathF.Exp(-value))), device.Read(single.Span), Array.ConvertAll(magnitudes, value => 1.2f * value + 1), 0);
    }

    [Fact]
    public void The_launch_is_the_plans_and_what_does_not_fit_is_refused()
    {
        using var device = EmulatedDevice.Open();
        using DeviceBuffer<Bfloat16> x = device.Stream.Upload<Bfloat16>(new Bfloat16[16 * 16 * 8]), weight = device.Stream.Upload<Bfloat16>(new Bfloat16[4 * 9 * 8]);
        using DeviceBuffer<float> y = device.Stream.Allocate<float>(32 * 32 * 4);
        using var workspace = new GemmWorkspace(device.Stream);
        var convolution = new CudaConvolution(weight, default, 8, 4, 3, padding: 1, upsampled: true);
        device.Driver.Forget();
        Convolution.Apply(device.Stream, x, 1, 16, 16, convolution, y.Span, workspace);
        CudaCall launch = Assert.Single(device.Driver.Calls, call => call.Name == "cuLaunchKernel");
        GemmPlan plan = Convolution.Plan(device.Stream, 1, 16, 16, convolution);
        Assert.Equal(("convolution", plan.Grid, 128, (long)plan.Tile.SharedBytes), (launch.Target, launch.Grid, launch.Threads, launch.Bytes));
        Assert.Equal((1024 + plan.Tile.Rows - 1) / plan.Tile.Rows, plan.Grid.X);
        Assert.Contains("pad image and weight", Assert.Throws<ArgumentException>(() => new CudaConvolution(weight, default, 3, 4, 3)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new CudaConvolution(weight, default, 8, 4, 5));
        Assert.Contains("2 × 32 × 32 × 4", Assert.Throws<ArgumentException>(() => Convolution.Apply(device.Stream, new DeviceSpan<Bfloat16>(x.Span.Address, 2 * x.Length), 2, 16, 16, convolution, y.Span, workspace)).Message);
        var bare = new CudaConvolution(weight, default, 8, 4, 3);
        Assert.Contains("smaller than the kernel", Assert.Throws<ArgumentException>(() => Convolution.Apply(device.Stream, x, 1, 2, 16, bare, y.Span, workspace)).Message);
    }

    private static float[] Rounded(int count, uint seed) => Array.ConvertAll(Bfloat16.Round(Guarded.Normal(count, seed).Span), value => value.ToSingle());

    private static void Near(float[] expected, float[] actual, float[] magnitudes, float relative)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            float error = Math.Abs(expected[i] - actual[i]), allowed = SumTolerance * magnitudes[i] + relative * Math.Abs(expected[i]);
            Assert.True(error <= allowed, $"number {i} is {actual[i]}, the loop's {expected[i]}; off by {error}, allowed are {allowed}");
        }
    }
}
