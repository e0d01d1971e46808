namespace Engine.Training.Models;

/// <summary>Which rotary embedding the spatial attention uses.</summary>
public enum SpatialRotaryKind
{
    /// <summary>Positions 0 … n − 1, frequencies 10000^(−i/half).</summary>
    Standard,

    /// <summary>Positions linspace(−1, 1, n), frequencies linspace(1, 128, half)·π.</summary>
    Pixel,
}
