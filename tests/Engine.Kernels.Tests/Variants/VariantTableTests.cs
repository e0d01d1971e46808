using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Variants;

public class VariantTableTests
{
    [Fact]
    public void Every_operation_is_listed_once_with_an_available_variant()
    {
        IReadOnlyList<VariantTable> tables = KernelVariants.List();
        Assert.Equal(
            ["activation", "convolution", "ddim-update", "gae", "gemm", "group-norm", "layer-norm", "pixels", "rotary", "softmax", "spatial-attention", "temporal-attention"],
            tables.Select(table => table.Operation));
        Assert.All(tables, table => Assert.Contains(table.Active, table.Available));
        Assert.All(tables, table => Assert.Equal(KernelVariant.Reference, table.Available[^1]));
    }

    [Fact]
    public void Environment_forces_a_variant_and_nonsense_is_refused()
    {
        const string Name = "ENGINE_KERNEL_FORCED_OP";
        try
        {
            Environment.SetEnvironmentVariable(Name, "reference");
            VariantTable table = VariantTable.For("forced-op");
            Assert.Equal(KernelVariant.Reference, table.Active);
            Assert.Equal(Name, table.ForcedBy);
            Environment.SetEnvironmentVariable(Name, "vector1024");
            Assert.Contains("vector1024", Assert.Throws<InvalidOperationException>(() => VariantTable.For("forced-op")).Message, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Name, null);
        }

        Assert.Null(VariantTable.For("forced-op").ForcedBy);
    }
}
