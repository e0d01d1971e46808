using System.CommandLine;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Host.Commands;

/// <summary><c>--precision</c>: what a dream's matrices are rounded to, on the processor or on a GPU.</summary>
internal static class PrecisionOption
{
    public static Option<GemmPrecision?> Create(string what) => new("--precision")
    {
        Description = $"{what}: float32, bfloat16 or float8. On the processor float32 unless given, and bfloat16, for the blocks' projections, needs AVX-512 BF16; on a GPU bfloat16 unless given, float32, slow, tells its rounding from a fault, and float8 is an approximation for compute capability 9.0.",
        HelpName = "name",
    };

    /// <summary>What was asked for, or what the device takes by itself.</summary>
    /// <exception cref="UsageException">The processor does not have it.</exception>
    public static GemmPrecision Of(ParseResult arguments, Option<GemmPrecision?> option, bool onDevice)
    {
        var precision = arguments.GetValue(option) ?? (onDevice ? GemmPrecision.BFloat16 : GemmPrecision.Float32);
        return onDevice || precision != GemmPrecision.Float8 ? precision : throw new UsageException("--precision float8 is of a GPU (--device cuda); on the processor take float32 or bfloat16");
    }
}
