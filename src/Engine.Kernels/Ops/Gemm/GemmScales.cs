using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>What rows of e4m3 stand for: a row is its scale times what is stored.</summary>
/// <param name="X">[rows]: scales of the left factor; needed where that is e4m3.</param>
/// <param name="Y">[rows]: scales of the results, known before them; needed where those are e4m3. What is greater than 448 of them is clamped.</param>
public readonly record struct GemmScales(DeviceSpan<float> X, DeviceSpan<float> Y = default);
