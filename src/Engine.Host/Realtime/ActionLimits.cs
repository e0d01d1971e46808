namespace Engine.Host.Realtime;

/// <summary>What one number of an action may do.</summary>
/// <param name="Kind">How it is meant.</param>
/// <param name="Low">Lower wall of the commanded position (of the value, for a switch), in the number's unit.</param>
/// <param name="High">Upper wall.</param>
/// <param name="Velocity">Greatest speed (unit/s); infinity for none.</param>
/// <param name="Acceleration">Greatest change of speed (unit/s²); infinity for none.</param>
/// <param name="Safe">Of a switch: its value once stopped; NaN keeps the last one.</param>
public readonly record struct ActionLimits(
    ActionKind Kind,
    double Low,
    double High,
    double Velocity = double.PositiveInfinity,
    double Acceleration = double.PositiveInfinity,
    double Safe = double.NaN);
