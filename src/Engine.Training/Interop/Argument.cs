using Engine.Training.Torch;

namespace Engine.Training.Interop;

/// <summary>
/// An argument on its way to an operator. It holds the tensor itself, not only its address, so that the tensor cannot be
/// finalised during the call; lists are addresses that the caller keeps pinned.
/// </summary>
internal readonly struct Argument
{
    private readonly Tensor? _tensor;
    private readonly TorchTag _tag;
    private readonly long _bits;
    private readonly long _length;

    private Argument(TorchTag tag, long bits = 0, long length = 0, Tensor? tensor = null)
    {
        _tag = tag;
        _bits = bits;
        _length = length;
        _tensor = tensor;
    }

    /// <summary>The schema's default value.</summary>
    public static Argument Default => new(TorchTag.Default);

    /// <summary>The value None.</summary>
    public static Argument None => default;

    /// <summary>The tensor, where the argument is one.</summary>
    public Tensor? Tensor => _tensor;

    public static implicit operator Argument(Tensor? tensor) => tensor is null ? default : new(TorchTag.Tensor, 0, 0, tensor);

    public static implicit operator Argument(long value) => new(TorchTag.Int, value);

    public static implicit operator Argument(double value) => new(TorchTag.Double, BitConverter.DoubleToInt64Bits(value));

    public static implicit operator Argument(bool value) => new(TorchTag.Bool, value ? 1 : 0);

    public static implicit operator Argument(TorchDevice device) => new(TorchTag.Device, device.Number);

    /// <summary>A number, or None.</summary>
    public static Argument Optional(double? value) => value is { } number ? number : default(Argument);

    /// <summary>A list of integers that stays where it is during the call.</summary>
    public static unsafe Argument Longs(long* values, int count) => new(TorchTag.IntList, (long)values, count);

    /// <summary>A list of tensor handles that stays where it is during the call.</summary>
    public static unsafe Argument Handles(nint* handles, int count) => new(TorchTag.TensorList, (long)handles, count);

    /// <summary>UTF-8 text that stays where it is during the call.</summary>
    public static unsafe Argument Text(byte* text, int count) => new(TorchTag.String, (long)text, count);

    /// <summary>The argument as the C ABI wants it.</summary>
    /// <exception cref="ObjectDisposedException">The tensor has been disposed of.</exception>
    public TorchValue ToNative() => new() { Tag = _tag, Bits = _tensor is null ? _bits : _tensor.Handle, Length = _length };
}
