using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Patchify;

/// <summary>On a device: Patchify.cu, many frames at once.</summary>
public static partial class Patchify
{
    /// <summary>tokens = scale · latents, rearranged.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="geometry">What the kernel is specialised to.</param>
    /// <param name="latents">Frames [any, height, width, channels], at a multiple of 16 bytes.</param>
    /// <param name="indices">[frames]: which frame of latents, below 0 for one of zeros; not checked. Empty: 0, 1, 2, …</param>
    /// <param name="frames">Number of frames.</param>
    /// <param name="scale">Factor; with 1 the numbers are copied.</param>
    /// <param name="tokens">Rows of patch² · channels numbers, float or <see cref="Bfloat16"/>, <paramref name="stride"/> apart; at a multiple of four numbers' bytes.</param>
    /// <param name="stride">Distance between tokens.</param>
    /// <exception cref="ArgumentException">A length, a type or an alignment does not fit.</exception>
    public static void ToTokens<T>(
        CudaStream stream, PatchGeometry geometry, DeviceSpan<float> latents, DeviceSpan<int> indices, int frames, float scale, DeviceSpan<T> tokens, int stride)
        where T : unmanaged
    {
        geometry.CheckLatents(latents, indices, frames);
        geometry.CheckTokens(tokens, stride, frames, nameof(tokens));
        stream.Launch(Describe<T>(geometry, "to_tokens"), geometry.Grid(frames), latents, DeviceElement.OrNone(indices), frames, scale, tokens, stride);
    }

    /// <summary>latents = tokens, rearranged back.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="geometry">What the kernel is specialised to.</param>
    /// <param name="tokens">Rows of patch² · channels numbers, <paramref name="stride"/> apart.</param>
    /// <param name="stride">Distance between tokens.</param>
    /// <param name="indices">[frames]: which frame of latents, all different; not checked. Empty: 0, 1, 2, …</param>
    /// <param name="frames">Number of frames.</param>
    /// <param name="latents">Frames [any, height, width, channels].</param>
    /// <exception cref="ArgumentException">A length, a type or an alignment does not fit.</exception>
    public static void FromTokens<T>(
        CudaStream stream, PatchGeometry geometry, DeviceSpan<T> tokens, int stride, DeviceSpan<int> indices, int frames, DeviceSpan<float> latents)
        where T : unmanaged
    {
        geometry.CheckLatents(latents, indices, frames);
        geometry.CheckTokens(tokens, stride, frames, nameof(tokens));
        stream.Launch(Describe<T>(geometry, "from_tokens"), geometry.Grid(frames), tokens, stride, DeviceElement.OrNone(indices), frames, latents);
    }

    /// <summary>A kernel for a geometry: to_tokens or from_tokens; 40 registers, no shared memory.</summary>
    public static CudaKernel Describe<T>(PatchGeometry geometry, string function)
        where T : unmanaged => new()
        {
            Source = "Patchify/Patchify.cu",
            Function = function,
            Defines = [.. geometry.Defines, new("ENG_TOKEN", DeviceElement.Name<T>("tokens"))],
            ThreadsPerBlock = PatchGeometry.DeviceThreads,
            RegisterBudget = 40,
            SharedBudget = 0,
            Hot = true,
        };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape shape)
    {
        PatchGeometry geometry = PatchGeometry.Of(shape);
        return [Describe<float>(geometry, "to_tokens"), Describe<Bfloat16>(geometry, "to_tokens"), Describe<float>(geometry, "from_tokens")];
    }
}
