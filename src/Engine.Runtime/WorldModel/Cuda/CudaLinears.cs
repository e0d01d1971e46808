using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// A model's linear layers with the number of blocks that share each product's sums, and with the kind of tensor cores' instructions. Both are chosen once, for the largest pass of a kind: chosen anew
/// for every batch it would be faster for some, but then a frame's bits would depend on how many others there are.
/// </summary>
internal sealed class CudaLinears
{
    private readonly int _tokens, _frames;

    /// <summary>For passes of at most <paramref name="frames"/> frames.</summary>
    public CudaLinears(CudaWorldModel model, CudaStream stream, int frames)
    {
        _tokens = model.Config.Tokens;
        _frames = frames;
        CudaLinear Fixed(CudaLinear linear)
        {
            GemmPlan plan = Gemm.Plan(stream, frames * _tokens, linear);
            return linear with { Splits = plan.Splits, Warpgroups = plan.Tile.Warpgroups };
        }

        Patch = Fixed(model.Patch);
        Final = Fixed(model.Final);
        // So wide that its tiles fill any device.
        Modulation = model.Modulation with { Splits = 1, Warpgroups = false };
        Blocks = [.. model.Blocks.Select(block => block with { Qkv = Fixed(block.Qkv), Out = Fixed(block.Out), Expand = Fixed(block.Expand), Contract = Fixed(block.Contract) })];
    }

    public CudaLinear Patch { get; }

    public CudaLinear Modulation { get; }

    public CudaLinear Final { get; }

    public CudaBlock[] Blocks { get; }

    /// <summary>The plan of every product of every pass that there can be.</summary>
    public IEnumerable<GemmPlan> Plans(CudaStream stream) =>
        from frames in CudaBatch.Sizes(_frames)
        from linear in Blocks[0].All.Append(Patch).Append(Final)
        select Gemm.Plan(stream, frames * _tokens, linear);
}
