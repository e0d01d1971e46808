using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Tests.Torch;

public sealed class ModuleTests
{
    private sealed class Block : Module
    {
        public Block(WeightInitialiser init, bool extra = false, long width = 3)
        {
            First = Child("layers.0", new Linear(init, 2, width));
            Scale = Parameter("scale", Tensor.Ones(1));
            Second = Child("layers.1", new Linear(init, width, 1, bias: false));
            Mean = Buffer("mean", Tensor.Full(0.5, 2));
            if (extra) Parameter("extra", Tensor.Zeros(1));
        }

        public Linear First { get; }

        public Tensor Scale { get; }

        public Linear Second { get; }

        public Tensor Mean { get; }

        public void AddAgain() => Parameter("scale", Tensor.Zeros(1));
    }

    [Fact]
    public void Names_follow_the_order_of_registration()
    {
        using var block = new Block(new WeightInitialiser(1));
        Assert.Equal(["layers.0.weight", "layers.0.bias", "scale", "layers.1.weight"], block.NamedParameters().Select(p => p.Key));
        Assert.Equal(["mean"], block.NamedBuffers().Select(p => p.Key));
        Assert.Equal(5, block.StateDict().Count);
        Assert.Equal(4, block.Parameters().Length);
        Assert.Equal(6 + 3 + 1 + 3, block.ParameterCount);
        Assert.All(block.Parameters(), p => Assert.True(p.RequiresGrad));
        Assert.False(block.Mean.RequiresGrad);
        block.SetRequiresGrad(false);
        Assert.All(block.Parameters(), p => Assert.False(p.RequiresGrad));
        Assert.Throws<ArgumentException>(block.AddAgain);
    }

    [Fact]
    public void Weights_belong_to_the_module_and_not_to_a_scope()
    {
        Block block;
        using (new TensorScope()) block = new Block(new WeightInitialiser(1));
        Assert.All(block.StateDict().Values, t => Assert.False(t.IsClosed));
        Tensor[] tensors = [.. block.StateDict().Values];
        block.Dispose();
        Assert.All(tensors, t => Assert.True(t.IsClosed));
    }

    [Fact]
    public void State_is_copied_by_name()
    {
        using var a = new Block(new WeightInitialiser(1));
        using var b = new Block(new WeightInitialiser(2));
        Assert.NotEqual(a.First.Weight.ToArray(), b.First.Weight.ToArray());
        using (new NoGrad()) a.Mean.FillInPlace(7);
        b.CopyFrom(a);
        foreach (var (name, tensor) in a.StateDict()) Assert.Equal(tensor.ToArray(), b.StateDict()[name].ToArray());
        using (new NoGrad()) a.Scale.FillInPlace(9);
        Assert.Equal(1, b.Scale.Item());
    }

    [Fact]
    public void State_that_does_not_fit_is_refused_whole()
    {
        using var plain = new Block(new WeightInitialiser(1));
        using var extra = new Block(new WeightInitialiser(2), extra: true);
        using var wide = new Block(new WeightInitialiser(3), width: 4);
        Assert.Contains("1 unknown: extra", Assert.Throws<ArgumentException>(() => plain.CopyFrom(extra)).Message);
        Assert.Contains("1 missing: extra", Assert.Throws<ArgumentException>(() => extra.CopyFrom(plain)).Message);
        float[] before = plain.Scale.ToArray();
        using (new NoGrad()) wide.Scale.FillInPlace(5);
        string message = Assert.Throws<ArgumentException>(() => plain.CopyFrom(wide)).Message;
        Assert.Contains("layers.0.weight: expected [3, 2] Float32, got [4, 2] Float32", message);
        Assert.Equal(before, plain.Scale.ToArray());
    }

    [Fact]
    public void Layers_have_their_shapes_and_names()
    {
        var init = new WeightInitialiser(5);
        using var scope = new TensorScope();
        using var linear = new Linear(init, 3, 4);
        Assert.Equal([2, 5, 4], linear.Forward(Tensor.Ones(2, 5, 3)).Shape);
        using var conv = new Conv2d(init, 3, 8, 3, stride: 2, padding: 1);
        Assert.Equal([2, 8, 4, 4], conv.Forward(Tensor.Ones(2, 3, 8, 8)).Shape);
        using var group = new GroupNorm(2, 8);
        Assert.Equal([2, 8, 4, 4], group.Forward(Tensor.Ones(2, 8, 4, 4)).Shape);
        using var layer = new LayerNorm(4, affine: false);
        Assert.Empty(layer.Parameters());
        Assert.Equal([2, 4], layer.Forward(Tensor.Ones(2, 4)).Shape);
        using var affine = new LayerNorm(4);
        using var table = new Embedding(init, 10, 4);
        Assert.Equal([3, 4], table.Forward(Tensor.Arange(3)).Shape);
        foreach (Module module in new Module[] { linear, conv, group, affine })
            Assert.Equal(["weight", "bias"], module.NamedParameters().Select(p => p.Key));
        Assert.Throws<ArgumentException>(() => new GroupNorm(3, 8));
    }
}
