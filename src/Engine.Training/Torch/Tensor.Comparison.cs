using Engine.Training.Interop;

namespace Engine.Training.Torch;

public sealed unsafe partial class Tensor
{
    /// <summary>Bool: greater than.</summary>
    public Tensor Gt(Tensor other) => Aten.Gt.Invoke(this, other);

    /// <summary>Bool: greater than.</summary>
    public Tensor Gt(double value) => Aten.GtScalar.Invoke(this, value);

    /// <summary>Bool: less than.</summary>
    public Tensor Lt(Tensor other) => Aten.Lt.Invoke(this, other);

    /// <summary>Bool: less than.</summary>
    public Tensor Lt(double value) => Aten.LtScalar.Invoke(this, value);

    /// <summary>Bool: greater or equal.</summary>
    public Tensor Ge(Tensor other) => Aten.Ge.Invoke(this, other);

    /// <summary>Bool: greater or equal.</summary>
    public Tensor Ge(double value) => Aten.GeScalar.Invoke(this, value);

    /// <summary>Bool: less or equal.</summary>
    public Tensor Le(Tensor other) => Aten.Le.Invoke(this, other);

    /// <summary>Bool: less or equal.</summary>
    public Tensor Le(double value) => Aten.LeScalar.Invoke(this, value);

    /// <summary>Bool: equal.</summary>
    public Tensor Eq(Tensor other) => Aten.Eq.Invoke(this, other);

    /// <summary>Bool: equal.</summary>
    public Tensor Eq(double value) => Aten.EqScalar.Invoke(this, value);

    /// <summary>Bool: not equal.</summary>
    public Tensor Ne(Tensor other) => Aten.Ne.Invoke(this, other);

    /// <summary>Bool: not equal.</summary>
    public Tensor Ne(double value) => Aten.NeScalar.Invoke(this, value);

    /// <summary>Bool: both are not zero.</summary>
    public Tensor LogicalAnd(Tensor other) => Aten.LogicalAnd.Invoke(this, other);

    /// <summary>Bool: one of the two is not zero.</summary>
    public Tensor LogicalOr(Tensor other) => Aten.LogicalOr.Invoke(this, other);

    /// <summary>Bool: the element is zero.</summary>
    public Tensor LogicalNot() => Aten.LogicalNot.Invoke(this);
}
