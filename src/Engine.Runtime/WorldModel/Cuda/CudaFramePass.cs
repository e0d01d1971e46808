using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.DdimUpdate;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Ops.TemporalAttention;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// Trips of frames through the network on a device, with their buffers: for the original's size 5.1 MiB a frame, and for each frame and level of its conditioning
/// 0.8 MiB of modulation; in float32 twice as much. A row's result depends neither on the other rows nor on how many there are.
/// </summary>
internal abstract class CudaFramePass
{
    private protected CudaFramePass(CudaWorldModel model, CudaArena arena, long rows) => Output = arena.Allocate<float>(rows * model.Final.Outputs);

    /// <summary>The network's output in token order, [frames · tokens, P·P·C].</summary>
    public DeviceBuffer<float> Output { get; }

    /// <summary>Buffers for a model's precision.</summary>
    /// <param name="model">The weights.</param>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="arena">Owns the buffers.</param>
    /// <param name="shape">Of the caches.</param>
    /// <param name="environments">Number of caches.</param>
    /// <param name="capacity">Greatest number of frames.</param>
    /// <param name="conditions">Greatest number of rows of conditioning.</param>
    /// <param name="plans">Of all products.</param>
    public static CudaFramePass Create(
        CudaWorldModel model, CudaStream stream, CudaArena arena, TemporalAttentionShape shape, int environments, int capacity, int conditions, GemmPlan[] plans) =>
        model.Precision == GemmPrecision.Float32
            ? new CudaFramePass<float>(model, stream, arena, shape, environments, capacity, conditions, plans)
            : new CudaFramePass<Bfloat16>(model, stream, arena, shape, environments, capacity, conditions, plans);

    /// <summary>An environment's cached keys in a layer, [window, tokens, D], as they are stored.</summary>
    public abstract DeviceSpan<byte> KeysOf(int layer, int environment);

    /// <summary>Its cached values, likewise.</summary>
    public abstract DeviceSpan<byte> ValuesOf(int layer, int environment);

    /// <summary>Puts frames, times <paramref name="scale"/>, where the network reads its tokens, from number <paramref name="column"/> of each token on.</summary>
    public abstract void Show(PatchGeometry geometry, DeviceSpan<float> latents, DeviceSpan<int> indices, int frames, float scale, int column);

    /// <summary>Draws the noise that frames start from, into x and where the network reads it.</summary>
    public abstract void Begin(PatchGeometry geometry, DeviceSpan<uint> keys, int frames, ulong seed, DeviceSpan<float> x, int stride);

    /// <summary>One step of the sampler by <see cref="Output"/>, on x and where the network reads it.</summary>
    public abstract void Update(PatchGeometry geometry, DeviceSpan<float> x, DeviceSpan<float> previous, int stride, int frames, in DdimStep step);

    /// <summary>Shifts, scales and gates of every block for every row of conditioning.</summary>
    /// <param name="linears">The layers.</param>
    /// <param name="times">[rows]: diffusion times.</param>
    /// <param name="actions">[rows / rowsPerAction, A].</param>
    /// <param name="rows">Rows of conditioning.</param>
    /// <param name="rowsPerAction">Consecutive rows with the same action.</param>
    public abstract void Modulate(CudaLinears linears, DeviceSpan<int> times, DeviceSpan<float> actions, int rows, int rowsPerAction);

    /// <summary>Takes frames through the network.</summary>
    /// <param name="linears">The layers.</param>
    /// <param name="descriptions">Of the frames, for the temporal attention.</param>
    /// <param name="frames">Number of frames.</param>
    /// <param name="firstCondition">Row of conditioning of the first frame.</param>
    /// <param name="conditionStride">Rows of conditioning from one frame to the next.</param>
    /// <param name="keysOnly">Stop when the last temporal keys and values are in the caches; leaves <see cref="Output"/> as it was.</param>
    /// <param name="interact">Whether several frames may belong to one environment.</param>
    public abstract void Run(CudaLinears linears, DeviceSpan<int> descriptions, int frames, int firstCondition, int conditionStride, bool keysOnly, bool interact);
}
