using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Runtime.WorldModel.Cuda;
using Engine.Training.Tests.Learning;
using Engine.Training.Tests.Rollouts;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Devices;

/// <summary>libtorch and this program's own kernels on one device, in one memory.</summary>
public sealed class SharedMemoryTests
{
    private const int Count = 3, StepLimit = 4;

    public static TheoryData<string> Devices => OtherDevice.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Memory_of_either_is_the_others_without_a_copy(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        using var context = Context(name);
        using var stream = context.CreateStream();
        using var buffer = stream.Upload<float>([1, 2, 3, 4, 5, 6]);
        using var scope = new TensorScope();

        // Ours, seen by libtorch.
        stream.Synchronize();
        Tensor seen = Tensor.FromMemory((nint)buffer.Span.Address, ScalarType.Float32, device, 2, 3);
        Assert.Equal([4f, 5, 6], seen.Select(0, 1).ToArray());
        seen.MulInPlace(2);
        device.Synchronise();
        var values = new float[6];
        stream.Download(buffer.Span, values);
        Assert.Equal([2f, 4, 6, 8, 10, 12], values);

        // libtorch's, read and written by a kernel of ours.
        Tensor input = Tensor.FromSpan([-2f, -1, 0, 1, 2, 3, 4, 5], 8).To(device), output = Tensor.Zeros(8).To(device);
        device.Synchronise();
        Activation.Apply(stream, ActivationFunction.Silu, new DeviceSpan<float>((ulong)input.Address(), 8), new DeviceSpan<float>((ulong)output.Address(), 8));
        stream.Synchronize();
        Torch.Expect.Near(input.Silu().ToArray(), output.ToArray(), 1e-5);
    }

    /// <summary>Decoded and looked at where they were dreamt, frames are those that are decoded on the processor.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_dream_is_looked_at_where_it_is_made(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        using var context = Context(name);
        var world = new TinyWorld(6, 3);
        using var expected = Dream(world, TorchDevice.Cpu, decoder: false);
        using var shared = Dream(world, device, decoder: true);
        using CudaWorldModel first = new(context, expected.Models.WorldModel), second = new(context, shared.Models.WorldModel);
        using var there = expected.Environment(Count, StepLimit, device: first);
        using var here = shared.Environment(Count, StepLimit, device: second);
        there.Reset([0, 1, 2]);
        here.Reset([0, 1, 2]);
        Same();
        foreach (int[] group in (int[][])[[0, 1, 2], [2, 0], [1], [0, 1, 2]])
        {
            float[] actions = [.. group.SelectMany(n => new[] { 0.02f * n, -0.01f, 0, 0, 0, 0, 1 })];
            there.Step(group, actions);
            here.Step(group, actions);
            Same();
        }

        there.Reset([1]);
        here.Reset([1]);
        Same();

        void Same()
        {
            Torch.Expect.Near([.. there.Images.Select(b => (float)b)], [.. here.Images.Select(b => (float)b)], name == "cuda" ? 4 : 1);
            Torch.Expect.Near(there.SuccessProbability, here.SuccessProbability, 0.01);
            Torch.Expect.Near(there.Reward, here.Reward, 0.01);
            Torch.Expect.Near(there.Evidence, here.Evidence, 0.05, 0.02);
            Assert.True(here.Images.Distinct().Count() > 5, "the frames are empty");
        }
    }

    [Fact]
    public void A_decoder_on_another_device_than_the_classifier_is_refused()
    {
        TorchDevice device = OtherDevice.Open("emulated");
        var world = new TinyWorld(2, 2);
        using var dream = Dream(world, TorchDevice.Cpu, decoder: false);
        using var scope = new DeviceScope(device);
        using var decoder = new Engine.Training.Models.VariationalAutoencoder(new WeightInitialiser(7), 4, 8);
        var models = new Engine.Training.Rollouts.DreamModels
        {
            WorldModel = dream.Models.WorldModel,
            Autoencoder = dream.Models.Autoencoder,
            Decoder = decoder,
            Classifier = dream.Models.Classifier,
            Threshold = 1,
            Encoding = world.Encoding,
            Camera = world.Camera,
            SamplingSteps = 1,
        };
        Assert.Contains("the decoder is on emulated, the classifier on cpu", Assert.Throws<ArgumentException>(() => new Engine.Training.Rollouts.DreamEnvironment(models, dream.Starts(), 1, 2, 1)).Message, StringComparison.Ordinal);
    }

    private static TinyDream Dream(TinyWorld world, TorchDevice device, bool decoder)
    {
        using var scope = new DeviceScope(device);
        return new TinyDream(world, 2, aimed: false, dim: 32, decoder);
    }

    private static CudaContext Context(string name)
    {
        try
        {
            return CudaDevices.Open(name);
        }
        catch (CudaException error)
        {
            Assert.Skip(error.Message);
            throw;
        }
    }
}
