using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>
/// Device memory in which the parts of split products meet. Products that use one must be in the order of one stream; it is made before a graph is recorded.
/// </summary>
public sealed class GemmWorkspace : IDisposable
{
    private readonly DeviceBuffer<float> _parts;
    private readonly DeviceBuffer<uint> _arrivals;

    /// <summary>Large enough for each of <paramref name="plans"/>, one at a time.</summary>
    public GemmWorkspace(CudaStream stream, params ReadOnlySpan<GemmPlan> plans)
    {
        long parts = 0;
        int arrivals = 0;
        foreach (GemmPlan plan in plans)
        {
            parts = Math.Max(parts, plan.WorkspaceLength);
            arrivals = Math.Max(arrivals, plan.Counters);
        }

        _parts = stream.Allocate<float>(parts);
        _arrivals = stream.Allocate<uint>(arrivals);
        // A kernel leaves the counters at zero.
        stream.Clear(_arrivals.Span);
    }

    /// <summary>Takes the products that it has an algorithm for, if there is one; to be disposed by who made it.</summary>
    public CublasLtGemm? Library { get; init; }

    /// <summary>Bytes on the device, without the library's.</summary>
    public long Bytes => _parts.Bytes + _arrivals.Bytes;

    internal DeviceSpan<float> Parts => _parts.Span;

    internal DeviceSpan<uint> Arrivals => _arrivals.Span;

    /// <summary>Checks that it is large enough for a plan.</summary>
    /// <exception cref="ArgumentException">It was made for smaller ones.</exception>
    internal void Require(GemmPlan plan)
    {
        Parts.Require(plan.WorkspaceLength, "workspace", $"{plan.Splits} parts of {plan.Tiles} tiles of {plan.Tile.Rows} × {plan.Tile.Columns}");
        Arrivals.Require(plan.Counters, "workspace", $"a counter for each of {plan.Tiles} split tiles");
    }

    /// <summary>Frees the memory in the order of the stream.</summary>
    public void Dispose()
    {
        _parts.Dispose();
        _arrivals.Dispose();
    }
}
