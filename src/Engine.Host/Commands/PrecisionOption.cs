using System.CommandLine;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Host.Commands;

/// <summary><c>--precision</c>: what a dream's matrices are rounded to, on the processor or on a GPU.</summary>
internal static class PrecisionOption
{
    public static Option<GemmPrecision?> Create(string what) => new("--precision")
    {
        Description = $"{what}: float32 or bfloat16. On the processor float32 unless given, and bfloat16, for the blocks' projections, needs AVX-512 BF16; on a GPU bfloat16 unless given, and float32, slow, tells its rounding from a fault.",
        HelpName = "name",
    };

    /// <summary>What was asked for, or what the device takes by itself.</summary>
    public static GemmPrecision Of(ParseResult arguments, Option<GemmPrecision?> option, bool onDevice) =>
        arguments.GetValue(option) ?? (onDevice ? GemmPrecision.BFloat16 : GemmPrecision.Float32);
}
