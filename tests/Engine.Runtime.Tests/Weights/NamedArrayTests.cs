using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Weights;

public sealed class NamedArrayTests
{
    [Fact]
    public void Bytes_that_do_not_fit_the_shape_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => new NamedArray(ElementType.Float32, [2, 3], new byte[20]));
        Assert.Contains("24 bytes", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new NamedArray(ElementType.Float32, [-1], []));
        Assert.Throws<ArgumentException>(() => new NamedArray(ElementType.Float64, [1L << 32, 1L << 29], []));
    }

    [Fact]
    public void As_checks_the_type()
    {
        var array = NamedArray.FromFloat32([1, 2, 3]);
        Assert.Equal([1f, 2f, 3f], array.As<float>().ToArray());
        Assert.Equal([3L], array.Shape);
        Assert.Throws<InvalidDataException>(() => array.As<int>().Length);
    }

    [Fact]
    public void Half_types_widen_exactly()
    {
        byte[] halves = [.. BitConverter.GetBytes((Half)1.5f), .. BitConverter.GetBytes((Half)(-65504f))];
        Assert.Equal([1.5f, -65504f], new NamedArray(ElementType.Float16, [2], halves).ToFloat32());
        byte[] brain = [0x80, 0x3f, 0x20, 0xc1];
        Assert.Equal([1f, -10f], new NamedArray(ElementType.BFloat16, [2], brain).ToFloat32());
    }

    [Fact]
    public void Conversions_check_the_range()
    {
        Assert.Equal([3L, -4L], NamedArray.FromFloat32([3, -4]).ToInt64());
        Assert.Throws<InvalidDataException>(() => NamedArray.FromFloat32([0.5f]).ToInt64());
        Assert.Throws<InvalidDataException>(() => NamedArray.FromFloat32([float.NaN]).ToInt64());
        Assert.Throws<InvalidDataException>(() => NamedArray.FromFloat32([9.3e18f]).ToInt64());
        Assert.Throws<InvalidDataException>(() => new NamedArray(ElementType.Float64, [1], BitConverter.GetBytes(1e300)).ToFloat32());
        Assert.Equal([float.PositiveInfinity], new NamedArray(ElementType.Float64, [1], BitConverter.GetBytes(double.PositiveInfinity)).ToFloat32());
        Assert.Throws<InvalidDataException>(() => new NamedArray(ElementType.UInt64, [1], BitConverter.GetBytes(ulong.MaxValue)).ToInt64());
    }

    [Theory]
    [InlineData(ElementType.Bool, 1)]
    [InlineData(ElementType.UInt8, 200)]
    [InlineData(ElementType.Int8, -100)]
    [InlineData(ElementType.Int16, -30000)]
    [InlineData(ElementType.UInt16, 60000)]
    [InlineData(ElementType.Int32, -2000000000)]
    [InlineData(ElementType.UInt32, 4000000000)]
    [InlineData(ElementType.Int64, long.MinValue)]
    [InlineData(ElementType.UInt64, long.MaxValue)]
    public void Whole_numbers_convert(ElementType type, long value)
    {
        var array = new NamedArray(type, [1], BitConverter.GetBytes(value)[..type.Size()]);
        Assert.Equal([value], array.ToInt64());
        Assert.Equal([(float)value], array.ToFloat32());
    }
}
