using Engine.Training.Interop;

namespace Engine.Training.Torch;

public sealed unsafe partial class Tensor
{
    public static Tensor operator +(Tensor a, Tensor b) => Aten.Add.Invoke(a, b);

    public static Tensor operator +(Tensor a, double b) => Aten.AddScalar.Invoke(a, b);

    public static Tensor operator +(double a, Tensor b) => Aten.AddScalar.Invoke(b, a);

    /// <summary>With a whole number an integer tensor stays one.</summary>
    public static Tensor operator +(Tensor a, long b) => Aten.AddScalar.Invoke(a, b);

    public static Tensor operator +(long a, Tensor b) => Aten.AddScalar.Invoke(b, a);

    public static Tensor operator -(Tensor a, Tensor b) => Aten.Subtract.Invoke(a, b);

    public static Tensor operator -(Tensor a, double b) => Aten.SubtractScalar.Invoke(a, b);

    public static Tensor operator -(double a, Tensor b) => Aten.ReverseSubtract.Invoke(b, a);

    public static Tensor operator -(Tensor a, long b) => Aten.SubtractScalar.Invoke(a, b);

    public static Tensor operator -(long a, Tensor b) => Aten.ReverseSubtract.Invoke(b, a);

    public static Tensor operator -(Tensor a) => Aten.Negate.Invoke(a);

    public static Tensor operator *(Tensor a, Tensor b) => Aten.Multiply.Invoke(a, b);

    public static Tensor operator *(Tensor a, double b) => Aten.MultiplyScalar.Invoke(a, b);

    public static Tensor operator *(double a, Tensor b) => Aten.MultiplyScalar.Invoke(b, a);

    public static Tensor operator *(Tensor a, long b) => Aten.MultiplyScalar.Invoke(a, b);

    public static Tensor operator *(long a, Tensor b) => Aten.MultiplyScalar.Invoke(b, a);

    /// <summary>True division: two integer tensors give a Float32.</summary>
    public static Tensor operator /(Tensor a, Tensor b) => Aten.Divide.Invoke(a, b);

    public static Tensor operator /(Tensor a, double b) => Aten.DivideScalar.Invoke(a, b);

    public static Tensor operator /(double a, Tensor b)
    {
        using Tensor reciprocal = Aten.Reciprocal.Invoke(b);
        return Aten.MultiplyScalar.Invoke(reciprocal, a);
    }

    /// <summary>Matrix product of the last two axes; the axes before broadcast.</summary>
    public Tensor MatMul(Tensor other) => Aten.MatMul.Invoke(this, other);

    /// <summary>The smaller of each pair.</summary>
    public static Tensor Minimum(Tensor a, Tensor b) => Aten.Minimum.Invoke(a, b);

    /// <summary>The larger of each pair.</summary>
    public static Tensor Maximum(Tensor a, Tensor b) => Aten.Maximum.Invoke(a, b);

    public Tensor Exp() => Aten.Exp.Invoke(this);

    /// <summary>Natural logarithm.</summary>
    public Tensor Log() => Aten.Log.Invoke(this);

    public Tensor Sqrt() => Aten.Sqrt.Invoke(this);

    /// <summary>1/√x.</summary>
    public Tensor Rsqrt() => Aten.Rsqrt.Invoke(this);

    public Tensor Sin() => Aten.Sin.Invoke(this);

    public Tensor Cos() => Aten.Cos.Invoke(this);

    public Tensor Sigmoid() => Aten.Sigmoid.Invoke(this);

    /// <summary>log(sigmoid(x)), without overflow.</summary>
    public Tensor LogSigmoid() => Aten.LogSigmoid.Invoke(this);

    /// <summary>log(1 + eˣ), without overflow.</summary>
    public Tensor Softplus() => Aten.Softplus.Invoke(this);

    public Tensor Tanh() => Aten.Tanh.Invoke(this);

    public Tensor Relu() => Aten.Relu.Invoke(this);

    /// <summary>x·sigmoid(x).</summary>
    public Tensor Silu() => Aten.Silu.Invoke(this);

    /// <summary>x·Φ(x) in its tanh form: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
    public Tensor Gelu()
    {
        fixed (byte* approximate = "tanh"u8) return Aten.Gelu.Invoke(this, Argument.Text(approximate, 4));
    }

    public Tensor Abs() => Aten.Abs.Invoke(this);

    public Tensor Square() => Aten.Square.Invoke(this);

    public Tensor Pow(double exponent) => Aten.Pow.Invoke(this, exponent);

    /// <summary>Limits every element to [min, max]; a null limit does not hold.</summary>
    public Tensor Clamp(double? min, double? max) => Aten.Clamp.Invoke(this, Argument.Optional(min), Argument.Optional(max));

    /// <summary><paramref name="value"/> where <paramref name="mask"/> (Bool, broadcast) is set, the element elsewhere.</summary>
    public Tensor MaskedFill(Tensor mask, double value) => Aten.MaskedFill.Invoke(this, mask, value);

    /// <summary><paramref name="a"/> where the condition (Bool) is set, <paramref name="b"/> elsewhere.</summary>
    public static Tensor Where(Tensor condition, Tensor a, Tensor b) => Aten.Where.Invoke(condition, a, b);
}
