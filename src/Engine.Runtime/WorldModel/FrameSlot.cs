namespace Engine.Runtime.WorldModel;

/// <summary>Where one frame of a pass stands in time: whose cache, and at which position in it.</summary>
internal readonly record struct FrameSlot(KeyValueCache Cache, int Position);
