using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class TensorTests
{
    [Fact]
    public void Data_goes_in_and_comes_out_in_every_type()
    {
        using var scope = new TensorScope();
        Expect.Equal([2, 2], [1, 2, 3, 4], Tensor.FromSpan([1f, 2f, 3f, 4f], 2, 2));
        Tensor whole = Tensor.FromSpan(new long[] { -5, long.MaxValue }, 2);
        Assert.Equal(ScalarType.Int64, whole.DType);
        Assert.Equal([-5, long.MaxValue], whole.ToInt64Array());
        Tensor bytes = Tensor.FromSpan(new byte[] { 0, 255, 7 }, 3);
        Assert.Equal(ScalarType.UInt8, bytes.DType);
        Assert.Equal([0, 255, 7], bytes.ToByteArray());
        Assert.Equal([0f, 255f, 7f], bytes.ToArray());
        Tensor flags = Tensor.FromSpan(new[] { true, false }, 2);
        Assert.Equal(ScalarType.Bool, flags.DType);
        Assert.Equal([1, 0], flags.ToByteArray());
        Assert.Equal(7f, Tensor.FromSpan([7f]).Item());
        Assert.Equal(0, Tensor.FromSpan([7f]).Dim);
        Tensor empty = Tensor.FromSpan(Array.Empty<float>(), 0, 3);
        Assert.Equal([0, 3], empty.Shape);
        Assert.Empty(empty.ToArray());
    }

    [Fact]
    public void Creation_fills_as_it_says()
    {
        using var scope = new TensorScope();
        Expect.Equal([2, 1], [0, 0], Tensor.Zeros(2, 1));
        Expect.Equal([3], [1, 1, 1], Tensor.Ones(3));
        Expect.Equal([], [2.5f], Tensor.Full(2.5));
        Tensor count = Tensor.Arange(4);
        Assert.Equal(ScalarType.Int64, count.DType);
        Assert.Equal([0, 1, 2, 3], count.ToInt64Array());
        Assert.Equal(ScalarType.Int64, Tensor.ZerosLike(count).DType);
        Assert.Equal([1, 1, 1, 1], Tensor.OnesLike(count).ToInt64Array());
    }

    [Fact]
    public void Properties_describe_the_tensor()
    {
        using Tensor tensor = Tensor.Zeros(2, 3, 4);
        Assert.Equal([2, 3, 4], tensor.Shape);
        Assert.Equal(3, tensor.Dim);
        Assert.Equal(24, tensor.NumElements);
        Assert.Equal(ScalarType.Float32, tensor.DType);
        Assert.Equal(3, tensor.Size(1));
        Assert.Equal(4, tensor.Size(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Size(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Size(-4));
    }

    [Fact]
    public void A_span_shows_the_memory_itself()
    {
        using Tensor tensor = Tensor.Zeros(2, 2);
        tensor.DataSpan()[3] = 5;
        Assert.Equal([0, 0, 0, 5], tensor.ToArray());
        using Tensor transposed = tensor.Transpose(0, 1);
        Assert.Contains("Contiguous", Assert.Throws<InvalidOperationException>(() => { transposed.DataSpan(); }).Message);
        using Tensor whole = Tensor.Arange(3);
        Assert.Contains("Int64", Assert.Throws<InvalidOperationException>(() => { whole.DataSpan(); }).Message);
    }

    [Fact]
    public void Elements_come_out_row_major_whatever_the_memory_order()
    {
        using var scope = new TensorScope();
        Tensor tensor = Expect.Of([1, 2, 3, 4, 5, 6], 2, 3);
        Expect.Equal([3, 2], [1, 4, 2, 5, 3, 6], tensor.Transpose(0, 1));
        float[] image = [.. Enumerable.Range(0, 24).Select(i => (float)i)];
        Expect.Equal([1, 2, 3, 4], image, Expect.Of(image, 1, 2, 3, 4).ChannelsLast());
        var destination = new float[6];
        tensor.CopyTo(destination);
        Assert.Equal([1, 2, 3, 4, 5, 6], destination);
    }

    [Fact]
    public void Errors_name_the_operation_and_the_shapes()
    {
        using var scope = new TensorScope();
        Tensor a = Tensor.Zeros(2, 3), b = Tensor.Zeros(4, 5);
        var sum = Assert.Throws<TorchException>(() => a + b);
        Assert.Contains("add", sum.Message);
        Assert.Contains("[2, 3] Float32, [4, 5] Float32", sum.Message);
        Assert.Contains("[2, 3] Float32, [4, 5] Float32", Assert.Throws<TorchException>(() => Tensor.Cat(0, a, b)).Message);
        Assert.Contains("[2, 3]", Assert.Throws<TorchException>(() => a.Reshape(5)).Message);
        Assert.Contains("[2, 3]", Assert.Throws<TorchException>(() => a.Item()).Message);
        Assert.Contains("[2, 3]", Assert.Throws<TorchException>(() => a.Backward()).Message);
        Assert.Contains("6 elements, the data 5", Assert.Throws<ArgumentException>(() => Tensor.FromSpan(new float[5], 2, 3)).Message);
        Assert.Throws<ArgumentException>(() => a.CopyTo(new float[5]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Tensor.FromSpan(new float[1], -1, -1));
        // The thread goes on working after a failure.
        Expect.Equal([2, 3], new float[6], a + a);
    }

    [Fact]
    public void A_disposed_tensor_is_refused()
    {
        Tensor a = Tensor.Zeros(2), b = Tensor.Zeros(2);
        b.Dispose();
        Assert.Throws<ObjectDisposedException>(() => a + b);
        Assert.Throws<ObjectDisposedException>(() => b.Shape);
        Assert.Throws<ObjectDisposedException>(() => Tensor.Cat(0, a, b));
        Assert.Throws<ObjectDisposedException>(() => b.ToArray());
        b.Dispose();
        a.Dispose();
    }
}
