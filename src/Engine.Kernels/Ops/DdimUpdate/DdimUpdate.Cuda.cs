using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Ops.Philox;

namespace Engine.Kernels.Ops.DdimUpdate;

/// <summary>On a device: DdimUpdate.cu, on latents that stay in token order between denoising steps. <see cref="Apply{T}(CudaStream, PatchGeometry, DeviceSpan{float}, int, DeviceSpan{float}, DeviceSpan{float}, int, int, in DdimStep, DeviceSpan{T}, int)"/> gives the processor's bits.</summary>
public static partial class DdimUpdate
{
    /// <summary>x ← X·x + V·v + Previous·p, row by row, in place; and input ← x.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="geometry">What the kernel is specialised to; a row is a token.</param>
    /// <param name="x">Noisy latents, rows <paramref name="xStride"/> apart; strides are multiples of the geometry's Vector, spans start at multiples of as many numbers.</param>
    /// <param name="xStride">Distance between rows of x.</param>
    /// <param name="v">The network's output [rows, TokenNumbers].</param>
    /// <param name="previous">The previous frame's latents, rows <paramref name="previousStride"/> apart; read only where step.Previous is not 0, may be empty otherwise.</param>
    /// <param name="previousStride">Distance between rows of previous.</param>
    /// <param name="frames">Number of frames; rows are frames · Tokens.</param>
    /// <param name="step">The factors.</param>
    /// <param name="input">Where the network reads x, <see cref="Bfloat16"/> or float, rows <paramref name="inputStride"/> apart; or empty.</param>
    /// <param name="inputStride">Distance between rows of input.</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static void Apply<T>(
        CudaStream stream, PatchGeometry geometry, DeviceSpan<float> x, int xStride, DeviceSpan<float> v, DeviceSpan<float> previous, int previousStride, int frames, in DdimStep step,
        DeviceSpan<T> input, int inputStride)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        geometry.CheckTokens(x, xStride, frames, nameof(x));
        geometry.CheckTokens(v, geometry.TokenNumbers, frames, nameof(v));
        if (step.Previous != 0) geometry.CheckTokens(previous, previousStride, frames, nameof(previous));
        if (input.Length != 0) geometry.CheckTokens(input, inputStride, frames, nameof(input));
        stream.Launch(
            Describe<T>(geometry, "ddim_update"), geometry.Grid(frames), x, xStride, v, step.Previous != 0 ? previous : default, previousStride, frames * geometry.Tokens,
            step.X, step.V, step.Previous, DeviceElement.OrNone(input), inputStride);
    }

    /// <summary>
    /// x ← the noise that each frame starts from, in token order: standard normal numbers as
    /// <see cref="Philox.Philox.FillNormal(Span{float}, in PhiloxKey)"/> draws them for the frame [height, width, channels]; and input ← x.
    /// </summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="geometry">What the kernel is specialised to.</param>
    /// <param name="keys">[frames, 3]: environment, episode, step.</param>
    /// <param name="frames">Number of frames.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="streamConstant">What the numbers are for.</param>
    /// <param name="x">Receives the noise, rows <paramref name="xStride"/> apart.</param>
    /// <param name="xStride">Distance between rows of x.</param>
    /// <param name="input">Where the network reads x, <see cref="Bfloat16"/> or float, rows <paramref name="inputStride"/> apart; or empty.</param>
    /// <param name="inputStride">Distance between rows of input.</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static void Begin<T>(
        CudaStream stream, PatchGeometry geometry, DeviceSpan<uint> keys, int frames, ulong seed, uint streamConstant, DeviceSpan<float> x, int xStride,
        DeviceSpan<T> input, int inputStride)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        keys.Require((long)frames * Philox.Philox.DeviceKeyLength, nameof(keys), $"frames × 3 = {frames} × 3");
        geometry.CheckTokens(x, xStride, frames, nameof(x));
        if (input.Length != 0) geometry.CheckTokens(input, inputStride, frames, nameof(input));
        stream.Launch(
            Describe<T>(geometry, "ddim_begin"), geometry.Grid(frames), keys, frames, (uint)seed, (uint)(seed >> 32), streamConstant, x, xStride, DeviceElement.OrNone(input), inputStride);
    }

    /// <summary>A kernel for a geometry: ddim_update or ddim_begin; 40 registers, no shared memory.</summary>
    public static CudaKernel Describe<T>(PatchGeometry geometry, string function)
        where T : unmanaged => new()
        {
            Source = "DdimUpdate/DdimUpdate.cu",
            Function = function,
            Defines = [.. geometry.Defines, new("ENG_INPUT", DeviceElement.Name<T>("input"))],
            ThreadsPerBlock = PatchGeometry.DeviceThreads,
            RegisterBudget = 40,
            SharedBudget = 0,
            Hot = true,
        };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape shape)
    {
        PatchGeometry geometry = PatchGeometry.Of(shape);
        return [Describe<Bfloat16>(geometry, "ddim_update"), Describe<Bfloat16>(geometry, "ddim_begin"), Describe<float>(geometry, "ddim_update"), Describe<float>(geometry, "ddim_begin")];
    }
}
