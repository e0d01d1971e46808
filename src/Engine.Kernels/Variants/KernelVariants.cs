using System.Reflection;

namespace Engine.Kernels.Variants;

/// <summary>Lists every operation that has variants, for <c>doctor</c>.</summary>
public static class KernelVariants
{
    /// <summary>One table per operation, in order of name. Found by looking for the static <c>Variants</c> field that each operation declares.</summary>
    public static IReadOnlyList<VariantTable> List() =>
    [
        .. typeof(KernelVariants).Assembly.GetTypes()
            .Select(type => type.GetField("Variants", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(field => field?.FieldType == typeof(VariantTable))
            .Select(field => (VariantTable)field!.GetValue(null)!)
            .OrderBy(table => table.Operation, StringComparer.Ordinal),
    ];
}
