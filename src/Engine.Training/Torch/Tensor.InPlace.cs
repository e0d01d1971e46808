using Engine.Training.Interop;

namespace Engine.Training.Torch;

// A leaf that requires a gradient may be changed in place only while NoGrad is open.
public sealed unsafe partial class Tensor
{
    /// <summary>this += alpha·other.</summary>
    public void AddInPlace(Tensor other, double alpha = 1) => Aten.AddInPlace.InvokeInPlace(this, other, alpha);

    /// <summary>this *= factor.</summary>
    public void MulInPlace(double factor) => Aten.MultiplyInPlaceScalar.InvokeInPlace(this, factor);

    /// <summary>Takes the elements of another tensor (broadcast, converted).</summary>
    public void CopyInPlace(Tensor source) => Aten.CopyInPlace.InvokeInPlace(this, source);

    /// <summary>Sets every element to zero.</summary>
    public void ZeroInPlace() => Aten.ZeroInPlace.InvokeInPlace(this);

    /// <summary>Sets every element to one value.</summary>
    public void FillInPlace(double value) => Aten.FillInPlace.InvokeInPlace(this, value);
}
