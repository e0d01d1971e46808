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
    public void Every_tile_fits_as_often_as_it_says()
    {
        foreach (GemmTile tile in GemmTile.All)
        {
            // Hopper: 228 KiB of shared memory of which a block costs one more; 65536 registers. Ampere must take one at least: 163 KiB.
            Assert.True(tile.BlocksPerMultiprocessor * (tile.SharedBytes + 1024) <= 228 << 10, tile.ToString());
            Assert.True(tile.BlocksPerMultiprocessor * GemmTile.Threads * ((tile.RegisterBudget + 7) / 8 * 8) <= 65536, tile.ToString());
            Assert.True(tile.SharedBytes <= 99 << 10, tile.ToString());
        }
    }
}
