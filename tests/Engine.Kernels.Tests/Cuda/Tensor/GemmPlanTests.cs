using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Tests.Cuda.Tensor;

/// <summary>Which tile and how many parts a product gets on a device with 132 multiprocessors (H100, H200).</summary>
public sealed class GemmPlanTests
{
    private const int Multiprocessors = 132;

    [Theory]
    [InlineData(3072, 1024, 128, 64, 1)]
    [InlineData(1024, 1024, 64, 64, 2)]
    [InlineData(4096, 1024, 128, 64, 1)]
    [InlineData(1024, 4096, 128, 64, 4)]
    public void One_environment_of_the_original_fills_the_device_once(int outputs, int inputs, int tileRows, int tileColumns, int splits)
    {
        var plan = GemmPlan.For(256, outputs, 2 * inputs, Multiprocessors);
        Assert.Equal((tileRows, tileColumns, splits), (plan.Tile.Rows, plan.Tile.Columns, plan.Splits));
        Assert.InRange(plan.Tiles * plan.Splits, 96, Multiprocessors);
    }

    [Theory]
    [InlineData(3072, 1024)]
    [InlineData(1024, 1024)]
    [InlineData(4096, 1024)]
    [InlineData(1024, 4096)]
    public void Thirty_two_environments_take_the_largest_tile_in_nearly_whole_waves(int outputs, int inputs)
    {
        var plan = GemmPlan.For(8192, outputs, 2 * inputs, Multiprocessors);
        Assert.Equal((GemmTile.Large, 1), (plan.Tile, plan.Splits));
        Assert.Equal((0, 0), (plan.WorkspaceLength, plan.Counters));
        double waves = (double)plan.Tiles / (Multiprocessors * plan.Tile.BlocksPerMultiprocessor);
        Assert.True(waves / Math.Ceiling(waves) > 0.96, $"{waves} waves");
    }

    [Theory]
    [InlineData(8192, 3072, 1024, true)]
    [InlineData(8192, 1024, 1024, true)]
    [InlineData(8192, 4096, 1024, true)]
    [InlineData(8192, 1024, 4096, true)]
    [InlineData(256, 3072, 1024, false)]
    [InlineData(256, 1024, 1024, false)]
    [InlineData(256, 4096, 1024, false)]
    public void Warp_groups_are_taken_where_their_large_tiles_fill_the_device(int rows, int outputs, int inputs, bool taken)
    {
        var plan = GemmPlan.For(rows, outputs, 2 * inputs, Multiprocessors, GemmTile.AllOfHopper);
        Assert.Equal(taken, plan.Tile.Warpgroups);
    }

    [Fact]
    public void Tiles_cover_the_product_and_no_part_is_short()
    {
        foreach (int rows in new[] { 1, 63, 64, 65, 200, 256, 1000, 5000 })
        {
            foreach (int outputs in new[] { 1, 64, 129, 512, 3072 })
            {
                foreach (int inputBytes in new[] { 16, 128, 144, 2048, 8192 })
                {
                    var plan = GemmPlan.For(rows, outputs, inputBytes, Multiprocessors);
                    int down = (rows + plan.Tile.Rows - 1) / plan.Tile.Rows, across = (outputs + plan.Tile.Columns - 1) / plan.Tile.Columns;
                    Assert.Equal(down * across, plan.Tiles);
                    Assert.True(plan.Splits == 1 || inputBytes >= plan.Splits * 4 * GemmTile.RowBytes - GemmTile.RowBytes, $"{plan} for {inputBytes} bytes");
                    Assert.Equal(plan.Splits == 1 ? 0 : (long)plan.Tiles * plan.Splits * plan.Tile.Rows * plan.Tile.Columns, plan.WorkspaceLength);
                }
            }
        }
    }

    [Fact]
    public void Warp_groups_are_for_bfloat16_and_e4m3_on_Hopper_and_can_be_fixed()
    {
        CudaDeviceInfo hopper = new(0, "", 9, 0, 0, 132, 227 << 10, true), ampere = hopper with { Major = 8 };
        Assert.Same(GemmTile.AllOfHopper, GemmTile.For(hopper, GemmInput.Bfloat16, null));
        Assert.Same(GemmTile.All, GemmTile.For(hopper, GemmInput.Bfloat16, false));
        Assert.Equal([GemmTile.Warpgroup], GemmTile.For(hopper, GemmInput.Bfloat16, true));
        Assert.Same(GemmTile.AllOfHopper, GemmTile.For(hopper, GemmInput.Float8, null));
        Assert.Same(GemmTile.All, GemmTile.For(hopper, GemmInput.Half, true));
        Assert.Same(GemmTile.All, GemmTile.For(ampere, GemmInput.Bfloat16, true));
        Assert.Equal(["sm_90a"], Gemm.Describe(GemmTile.Warpgroup, GemmInput.Bfloat16, null, false).Architectures);
    }

    [Fact]
    public void Every_tile_fits_as_often_as_it_says()
    {
        foreach (GemmTile tile in GemmTile.AllOfHopper)
        {
            // Hopper: 228 KiB of shared memory of which a block costs one more; 65536 registers. Small devices since Ampere give a block 99 KiB.
            Assert.True(tile.BlocksPerMultiprocessor * (tile.SharedBytes + 1024) <= 228 << 10, tile.ToString());
            Assert.True(tile.BlocksPerMultiprocessor * tile.Threads * ((tile.RegisterBudget + 7) / 8 * 8) <= 65536, tile.ToString());
            Assert.True(tile.SharedBytes <= (tile.Warpgroups ? 227 : 99) << 10, tile.ToString());
        }
    }
}
