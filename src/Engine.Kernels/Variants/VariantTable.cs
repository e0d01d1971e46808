using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Engine.Kernels.Variants;

/// <summary>
/// The variants of one operation that this machine can run, fastest first, and the one in use. The fastest is taken unless
/// <c>ENGINE_KERNEL_&lt;OPERATION&gt;</c> (or <c>ENGINE_KERNEL_ALL</c>) names another: <c>reference</c>, <c>vector256</c>, <c>vector512</c>.
/// </summary>
public sealed class VariantTable
{
    private VariantTable(string operation)
    {
        Operation = operation;
        EnvironmentVariable = "ENGINE_KERNEL_" + operation.ToUpperInvariant().Replace('-', '_');
        var available = new List<KernelVariant>();
        if (Vector512.IsHardwareAccelerated && Avx512F.IsSupported) available.Add(KernelVariant.Vector512);
        if (Vector256.IsHardwareAccelerated && Fma.IsSupported) available.Add(KernelVariant.Vector256);
        available.Add(KernelVariant.Reference);
        Available = available;
        (Active, ForcedBy) = Choose();
    }

    /// <summary>The operation's name, e.g. <c>gemm</c>.</summary>
    public string Operation { get; }

    /// <summary>The environment variable that forces a variant.</summary>
    public string EnvironmentVariable { get; }

    /// <summary>What this machine can run, fastest first.</summary>
    public IReadOnlyList<KernelVariant> Available { get; }

    /// <summary>The variant in use.</summary>
    public KernelVariant Active { get; }

    /// <summary>The environment variable that forced <see cref="Active"/>, or null when the fastest was taken.</summary>
    public string? ForcedBy { get; }

    /// <summary>The table of an operation; each operation holds its own in a static field named <c>Variants</c>.</summary>
    /// <exception cref="InvalidOperationException">A forced variant is unknown or cannot run here.</exception>
    public static VariantTable For(string operation) => new(operation);

    private (KernelVariant, string?) Choose()
    {
        foreach (string name in new[] { EnvironmentVariable, "ENGINE_KERNEL_ALL" })
        {
            string? value = Environment.GetEnvironmentVariable(name);
            if (string.IsNullOrEmpty(value)) continue;
            if (!Enum.TryParse(value, ignoreCase: true, out KernelVariant variant) || !Available.Contains(variant))
            {
                throw new InvalidOperationException(
                    $"{name} asks for the variant '{value}' of {Operation}, but this machine has: {string.Join(", ", Available)}. Unset it or name one of these.");
            }

            return (variant, name);
        }

        return (Available[0], null);
    }
}
