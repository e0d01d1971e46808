namespace Engine.Runtime.Weights;

/// <summary>Element types that weight and data files hold; values are stored little-endian.</summary>
public enum ElementType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
    UInt8,
    Int8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,

    /// <summary>IEEE 754 binary16.</summary>
    Float16,

    /// <summary>The upper half of a binary32.</summary>
    BFloat16,
    Float32,
    Float64,
}
