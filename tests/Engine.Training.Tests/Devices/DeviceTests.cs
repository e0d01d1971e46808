using Engine.Training.Tests.Torch;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Devices;

public sealed class DeviceTests
{
    public static TheoryData<string> Devices => OtherDevice.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void What_is_made_in_a_scope_is_on_its_device(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        using var scope = new TensorScope();
        Tensor outside = Tensor.Ones(2);
        using (new DeviceScope(device))
        {
            Assert.Equal(device, DeviceScope.Current);
            Tensor[] made =
            [
                Tensor.FromSpan([1f, 2, 3, 4], 2, 2), Tensor.FromSpan([1L, 2], 2), Tensor.FromSpan([1, 2, 3], 3), Tensor.FromSpan([true, false], 2), Tensor.Zeros(2, 3),
                Tensor.Ones(3), Tensor.Full(2.5, 2), Tensor.Arange(5), Tensor.ZerosLike(Tensor.Ones(2)), Tensor.OnesLike(Tensor.Zeros(2)),
                new WeightInitialiser(1).Normal(1, 3, 4), new WeightInitialiser(1).Uniform(0, 1, 3), new WeightInitialiser(1).Orthogonal([3, 5]), new WeightInitialiser(1).XavierUniform([2, 3]),
            ];
            Assert.All(made, tensor => Assert.Equal(device, tensor.Device));
            Assert.Equal([1f, 2, 3, 4], made[0].ToArray());
            Assert.Equal([1L, 2], made[1].ToInt64Array());
            Assert.Equal([0L, 1, 2, 3, 4], made[7].ToInt64Array());
            Assert.Equal(2.5f, made[6].Select(0, 0).Item());
            Assert.Contains($"on {device}", Assert.Throws<TorchException>(() => made[0].MatMul(made[5])).Message, StringComparison.Ordinal);
        }

        Assert.True(DeviceScope.Current.IsCpu);
        Assert.True(outside.Device.IsCpu);
        Assert.True(Tensor.Ones(1).Device.IsCpu);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Weights_start_the_same_on_every_device(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        using var scope = new TensorScope();
        Tensor here = new WeightInitialiser(5).Orthogonal([4, 9]);
        using var on = new DeviceScope(device);
        Assert.Equal(here.ToArray(), new WeightInitialiser(5).Orthogonal([4, 9]).ToArray());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Tensors_of_two_devices_do_not_mix(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        using var scope = new TensorScope();
        Tensor here = Tensor.Ones(3, 3), index = Tensor.FromSpan([0L], 1), there = here.To(device), weight = Tensor.Ones(3).To(device);
        Action[] mixed =
        [
            () => _ = here + there, () => _ = there * here, () => here.MatMul(there), () => there.MatMul(here), () => Tensor.Cat(0, there, here), () => there.IndexSelect(0, index),
            () => Functional.Linear(there, here), () => Functional.LayerNorm(here, 3, weight, weight), () => Functional.MseLoss(there, here), () => there.AddInPlace(here),
            () => Functional.Conv2d(Tensor.Ones(1, 1, 3, 3).To(device), Tensor.Ones(1, 1, 3, 3)), () => Functional.Embedding(there, index),
            () => Functional.GroupNorm(Tensor.Ones(1, 3, 2, 2).ChannelsLast(), 3, weight, weight),
            () => FusedOperations.SmallAttention(Tensor.Ones(1, 1, 3, 3, 1, 4), Tensor.Ones(3, 4).To(device), Tensor.Ones(3, 4).To(device), null, false),
            () => FusedOperations.SmallAttention(Tensor.Ones(1, 1, 3, 3, 1, 4).To(device), Tensor.Ones(3, 4), Tensor.Ones(3, 4), null, false),
        ];
        for (int i = 0; i < mixed.Length; i++)
        {
            var error = Record.Exception(mixed[i]);
            Assert.True(error is TorchException && error.Message.Contains("device", StringComparison.OrdinalIgnoreCase), $"case {i}: {error?.Message ?? "nothing was thrown"}");
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Memory_of_a_device_is_read_through_a_copy_or_not_at_all(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        using var scope = new TensorScope();
        Tensor there = Tensor.FromSpan([1f, 2, 3, 4], 2, 2).To(device);
        Assert.Contains("ToHost()", Assert.Throws<InvalidOperationException>(() => there.DataSpan()).Message, StringComparison.Ordinal);
        Assert.Equal([1f, 2, 3, 4], there.ToHost().DataSpan());
        Assert.Equal([1f, 3, 2, 4], there.Transpose(0, 1).ToArray());
        Assert.Throws<InvalidOperationException>(() => there.Transpose(0, 1).Address());

        // The same memory, seen as another tensor of the device: what one writes the other shows.
        Tensor shared = Tensor.FromMemory(there.Address(), ScalarType.Float32, device, 4);
        Assert.Equal(device, shared.Device);
        shared.MulInPlace(10);
        device.Synchronise();
        Assert.Equal([10f, 20, 30, 40], there.ToArray());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Gradients_go_back_across_devices(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        using var scope = new TensorScope();
        Tensor here = Tensor.FromSpan([1f, -2, 3], 3);
        here.RequiresGrad = true;
        (here.To(device).Square().ToHost() * 0.5).Sum().Backward();
        Assert.True(here.Grad!.Device.IsCpu);
        Assert.Equal([1f, -2, 3], here.Grad!.ToArray());
    }

    [Fact]
    public void Cuda_where_libtorch_has_none_is_one_clear_sentence()
    {
        Assert.SkipWhen(TorchRuntime.HasCuda, "this libtorch has CUDA");
        string message = Assert.Throws<TorchException>(() => TorchDevice.Open("cuda:1")).Message;
        Assert.Matches(@"^device cuda:1: libtorch \d+\.\d+\.\d+ was built without CUDA; set ENGINE_TORCH_ROOT .+\.$", message);
        Assert.DoesNotContain('\n', message);
        Assert.Equal(0, TorchRuntime.CudaDeviceCount);
    }

    [Fact]
    public void A_gpu_that_is_not_there_is_one_clear_sentence()
    {
        Assert.SkipUnless(TorchRuntime.HasCuda, $"libtorch {TorchRuntime.Version} is built without CUDA");
        string message = Assert.Throws<TorchException>(() => TorchDevice.Open("cuda:99")).Message;
        Assert.Contains("has CUDA and sees", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:1 ")]
    [InlineData("cuda:128")]
    [InlineData("CPU")]
    public void Names_that_are_none_are_refused(string name) =>
        Assert.Contains("expected cpu, cuda", Assert.Throws<ArgumentException>(() => TorchDevice.Open(name)).Message, StringComparison.Ordinal);

    [Fact]
    public void Devices_have_names_and_are_compared_by_value()
    {
        Assert.Equal(TorchDevice.Cpu, TorchDevice.Open("cpu"));
        Assert.Equal("cpu", TorchDevice.Cpu.ToString());
        Assert.Equal("cuda:3", TorchDevice.Cuda(3).ToString());
        Assert.Equal(TorchDevice.Cuda(3), TorchDevice.Cuda(3));
        Assert.NotEqual(TorchDevice.Cuda(0), TorchDevice.Cuda(1));
        Assert.NotEqual(TorchDevice.Cpu, TorchDevice.Cuda());
        Assert.Throws<ArgumentOutOfRangeException>(() => TorchDevice.Cuda(-1));
    }
}
