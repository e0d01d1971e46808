namespace Engine.Kernels.Ops.Rotary;

/// <summary>How an axis of a rotary embedding gets its angles.</summary>
public enum RotaryFrequencies
{
    /// <summary>Frequency i is 10000^(−i / half), coordinates 0 … n − 1 (RoFormer, arXiv 2104.09864).</summary>
    Standard,

    /// <summary>Frequencies linspace(1, 128, half)·π, coordinates linspace(−1, 1, n).</summary>
    Pixel,
}
