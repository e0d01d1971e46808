using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Tests.Learning;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Models;

/// <summary>The autoencoder that is trained with libtorch and the one that runs on the kernels are the same.</summary>
public sealed class AutoencoderAgreementTests
{
    [Theory]
    [InlineData(24, 64, 64)]
    [InlineData(8, 16, 40)]
    public void Random_weights_give_the_same_images_and_latents(int width, int height, int columns)
    {
        var init = new WeightInitialiser(7);
        using var model = new VariationalAutoencoder(init, 4, width);
        using (new TensorScope())
        using (new NoGrad())
        {
            // Layers that keep the size of what goes through them, or there would be little to compare in the end.
            foreach (var (name, parameter) in model.NamedParameters())
            {
                if (parameter.Shape.Length == 4) parameter.CopyInPlace(init.Normal(1.5 / Math.Sqrt(parameter.NumElements / parameter.Shape[0]), parameter.Shape));
            }
        }

        model.SetLatentStatistics([0.1f, -0.2f, 0.3f, 0], [0.5f, 0.7f, 0.9f, 1.1f]);
        Agree(model, height, columns);
    }

    [Fact]
    public void Trained_weights_give_the_same_images_and_latents()
    {
        var world = new TinyWorld(4, 3);
        var (model, _) = AutoencoderTraining.Run(world.Set, new() { Steps = 40, Batch = 8, Width = 8 }, 5, null, SilentProgress.Instance, default);
        using (model)
        {
            Agree(model, world.Camera.Height, world.Camera.Width);

            // What is stored with the weights makes the latents of the training set standard.
            using var autoencoder = model.ToRuntime(world.Camera.Height, world.Camera.Width);
            float[] latents = [.. AutoencoderTraining.Encode(autoencoder, world.Set, SilentProgress.Instance, default).SelectMany(frames => frames)];
            for (int channel = 0; channel < autoencoder.LatentChannels; channel++)
            {
                double[] values = [.. latents.Where((_, i) => i % autoencoder.LatentChannels == channel).Select(v => (double)v)];
                Assert.Equal(0, values.Average(), 1e-3);
                Assert.Equal(1, values.Average(v => v * v), 1e-2);
            }
        }
    }

    private static void Agree(VariationalAutoencoder model, int height, int width)
    {
        const int Count = 3;
        using Autoencoder autoencoder = model.ToRuntime(height, width);
        float[] images = Normal(Count * autoencoder.ImageNumbers, 1, 0.5f), latents = Normal(Count * autoencoder.LatentNumbers, 2, 1f);
        float[] encoded = new float[latents.Length], decoded = new float[images.Length];
        autoencoder.Encode(images, encoded);
        autoencoder.Decode(latents, decoded);
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        Near(model.Encode(Tensor.FromSpan(images, Count, height, width, 3).Permute(0, 3, 1, 2)), encoded);
        Near(model.Decode(Tensor.FromSpan(latents, Count, autoencoder.Rows, autoencoder.Columns, 4).Permute(0, 3, 1, 2)), decoded);

        static void Near(Tensor expected, float[] actual)
        {
            float[] values = expected.Permute(0, 2, 3, 1).Contiguous().ToArray();
            Assert.InRange(values.Average(MathF.Abs), 0.05f, 10f);
            for (int i = 0; i < values.Length; i++) Assert.Equal(values[i], actual[i], 1e-4f);
        }
    }

    private static float[] Normal(int count, uint name, float scale)
    {
        var values = new float[count];
        Philox.FillNormal(values, new PhiloxKey(12, PhiloxStream.Latent, name));
        return Array.ConvertAll(values, v => scale * v);
    }
}
