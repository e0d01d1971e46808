using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class ShapeTests : IDisposable
{
    private readonly TensorScope _scope = new();

    public void Dispose() => _scope.Dispose();

    private static Tensor Count(params long[] shape)
    {
        long n = shape.Aggregate(1L, (a, b) => a * b);
        return Tensor.Arange(n).To(ScalarType.Float32).Reshape(shape);
    }

    [Fact]
    public void Axes_can_be_reordered_and_reshaped()
    {
        Expect.Equal([2, 2], [0, 2, 1, 3], Count(2, 2).Transpose(0, 1));
        Expect.Equal([2, 1, 3], [0, 1, 2, 3, 4, 5], Count(1, 2, 3).Permute(1, 0, 2));
        Expect.Equal([3, 2], [0, 1, 2, 3, 4, 5], Count(2, 3).Reshape(-1, 2));
        Expect.Equal([6], [0, 1, 2, 3, 4, 5], Count(2, 3).View(6));
        Assert.Throws<TorchException>(() => Count(2, 3).Transpose(0, 1).View(6));
        Expect.Equal([6], [0, 3, 1, 4, 2, 5], Count(2, 3).Transpose(0, 1).Contiguous().View(6));
        Expect.Equal([2, 6], [.. Enumerable.Range(0, 12).Select(i => (float)i)], Count(2, 2, 3).Flatten(1));
        Expect.Equal([1, 2], [0, 1], Count(2).Unsqueeze(0));
        Expect.Equal([2], [0, 1], Count(2, 1).Squeeze(-1));
        Expect.Equal([2, 2], [0, 1, 0, 1], Count(1, 2).Expand(2, -1));
        Expect.Equal([1, 4], [0, 1, 0, 1], Count(1, 2).Repeat(1, 2));
        Expect.Equal([2, 2], [3, 2, 1, 0], Count(2, 2).Flip(0, 1));
        Expect.Equal([2, 2], [0, 0, 2, 3], Count(2, 2).Tril());
        Expect.Equal([2, 2], [0, 1, 0, 0], Count(2, 2).Triu(1));
    }

    [Fact]
    public void Parts_can_be_taken()
    {
        Tensor t = Count(3, 4);
        Expect.Equal([3, 2], [1, 2, 5, 6, 9, 10], t.Narrow(1, 1, 2));
        Expect.Equal([3, 2], [0, 2, 4, 6, 8, 10], t.Slice(1, 0, 4, 2));
        Expect.Equal([2, 4], [4, 5, 6, 7, 8, 9, 10, 11], t.Slice(0, 1, 99));
        Expect.Equal([4], [8, 9, 10, 11], t.Select(0, -1));
        Expect.Equal([2, 4], [8, 9, 10, 11, 0, 1, 2, 3], t.IndexSelect(0, Tensor.FromSpan(new long[] { 2, 0 }, 2)));
        Expect.Equal([3, 1], [3, 4, 10], t.Gather(1, Tensor.FromSpan(new long[] { 3, 0, 2 }, 3, 1)));
    }

    [Fact]
    public void Pieces_can_be_cut_and_joined()
    {
        Tensor[] chunks = Count(2, 5).Chunk(2, 1);
        Assert.Equal(2, chunks.Length);
        Expect.Equal([2, 3], [0, 1, 2, 5, 6, 7], chunks[0]);
        Expect.Equal([2, 2], [3, 4, 8, 9], chunks[1]);
        Tensor[] pieces = Count(5).Split(2, 0);
        Assert.Equal([2L, 2L, 1L], pieces.Select(p => p.Size(0)));
        Expect.Equal([5], [0, 1, 2, 3, 4], Tensor.Cat(0, pieces));
        Expect.Equal([2, 2], [0, 2, 1, 3], Tensor.Stack(1, pieces[0], pieces[1]));
        Tensor[] many = [.. Enumerable.Range(0, 100).Select(_ => Count(1))];
        Assert.Equal(100, Tensor.Cat(0, many).NumElements);
    }

    [Fact]
    public void Types_convert()
    {
        Tensor t = Expect.Of([-1.5f, 0, 2.7f]);
        Assert.Equal([-1, 0, 2], t.To(ScalarType.Int64).ToInt64Array());
        Assert.Equal([1, 0, 1], t.To(ScalarType.Bool).ToByteArray());
        foreach (ScalarType type in Enum.GetValues<ScalarType>()) Assert.Equal(type, t.To(type).DType);
        Expect.Equal([3], [-1.5f, 0, 2.7f], t.To(ScalarType.BFloat16), 0, 1.0 / 128);
    }
}
