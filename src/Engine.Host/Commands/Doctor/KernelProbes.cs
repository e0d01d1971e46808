using Engine.Kernels.Variants;

namespace Engine.Host.Commands.Doctor;

/// <summary>Which variant of every kernel is taken on this machine.</summary>
internal static class KernelProbes
{
    public static IEnumerable<DoctorFinding> All()
    {
        foreach (var table in KernelVariants.List())
        {
            string others = string.Join(", ", table.Available.Where(variant => variant != table.Active));
            string value = others.Length == 0 ? $"{table.Active}" : $"{table.Active} (also {others})";
            yield return table.ForcedBy is null
                ? new("Kernels", table.Operation, DoctorState.Present, value)
                : new("Kernels", table.Operation, DoctorState.Advice, value, null, $"forced by {table.ForcedBy}; unset it for the fastest");
        }
    }
}
