using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class WeightInitialiserTests : IDisposable
{
    private readonly TensorScope _scope = new();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void The_same_seed_gives_the_same_weights_and_each_tensor_others()
    {
        var a = new WeightInitialiser(1);
        var b = new WeightInitialiser(1);
        Tensor first = a.Normal(1, 10), second = a.Normal(1, 10);
        Assert.Equal(first.ToArray(), b.Normal(1, 10).ToArray());
        Assert.Equal(second.ToArray(), b.Normal(1, 10).ToArray());
        Assert.NotEqual(first.ToArray(), second.ToArray());
        Assert.NotEqual(first.ToArray(), new WeightInitialiser(2).Normal(1, 10).ToArray());
    }

    [Fact]
    public void Distributions_have_their_moments()
    {
        var init = new WeightInitialiser(4);
        Tensor normal = init.Normal(0.02, 200, 100);
        Assert.Equal(0.02f, normal.Std().Item(), 4e-4f);
        Assert.Equal(0, normal.Mean().Item(), 5e-4f);
        void Uniform(Tensor tensor, double bound)
        {
            Assert.InRange(tensor.Abs().Max().Item(), bound * 0.999, bound);
            Assert.Equal((float)(bound / Math.Sqrt(3)), tensor.Std().Item(), (float)bound * 0.01f);
        }

        Uniform(init.Uniform(-3, 3, 20000), 3);
        Uniform(init.KaimingUniform(200, 100), 0.1);
        Uniform(init.KaimingUniform(100, 25, 2, 2), 0.1);
        Uniform(init.XavierUniform([200, 100]), Math.Sqrt(6.0 / 300));
        Uniform(init.XavierUniform([80, 20, 3, 3], 2), 2 * Math.Sqrt(6.0 / (180 + 720)));
        Uniform(init.Bias(25, 20000), 0.2);
        Assert.Throws<ArgumentException>(() => init.KaimingUniform(5));
    }

    [Theory]
    [InlineData(5, 12)]
    [InlineData(12, 5)]
    [InlineData(7, 7)]
    public void Orthogonal_weights_are_orthonormal_times_the_gain(int rows, int columns)
    {
        Tensor w = new WeightInitialiser(6).Orthogonal([rows, columns], Math.Sqrt(2));
        Assert.Equal([rows, columns], w.Shape);
        Tensor gram = rows <= columns ? w.MatMul(w.Transpose(0, 1)) : w.Transpose(0, 1).MatMul(w);
        int n = Math.Min(rows, columns);
        var expected = new float[n * n];
        for (int i = 0; i < n; i++) expected[i * n + i] = 2;
        Expect.Equal([n, n], expected, gram, 1e-5);
    }
}
