using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Tests.Cuda.Emulation;

/// <summary>What the emulation must notice: barriers that are missing or not reached, accesses outside shared memory.</summary>
public sealed class RendezvousTests
{
    private const string Source = """
        ENGINE_KERNEL(reversed, (float* y)) {
          ENGINE_SHARED(float, tile, 128);
          tile[threadIdx.x] = threadIdx.x;
          __syncthreads();
          y[threadIdx.x] = tile[127 - threadIdx.x];
        }

        ENGINE_KERNEL(reversed_without_barrier, (float* y)) {
          ENGINE_SHARED(float, tile, 128);
          tile[threadIdx.x] = threadIdx.x;
          y[threadIdx.x] = tile[127 - threadIdx.x];
        }

        ENGINE_KERNEL(neighbours_without_warp_barrier, (float* y)) {
          ENGINE_SHARED(float, tile, 32);
          tile[threadIdx.x] = threadIdx.x;
          y[threadIdx.x] = tile[threadIdx.x ^ 1];
        }

        ENGINE_KERNEL(some_stay_away, (float* y)) {
          if (threadIdx.x != 40) __syncthreads();
          y[threadIdx.x] = 1;
        }

        ENGINE_KERNEL(two_places, (float* y)) {
          if (threadIdx.x < 32) {
            __syncthreads();
          } else {
            __syncthreads();
          }
          y[threadIdx.x] = 1;
        }

        ENGINE_KERNEL(half_a_warp, (float* y)) {
          float x = threadIdx.x;
          if (threadIdx.x < 16) x = __shfl_xor_sync(ENGINE_FULL_WARP, x, 1);
          y[threadIdx.x] = x;
        }

        ENGINE_KERNEL(outside, (float* y)) {
          ENGINE_SHARED(float, tile, 32);
          tile[threadIdx.x + 1] = 1;
          y[0] = tile[0];
        }

        ENGINE_KERNEL(outside_by_pointer, (float* y)) {
          ENGINE_SHARED(float, tile, 32);
          float* at = tile;
          at[threadIdx.x + 1] = 1;
          y[0] = tile[0];
        }

        ENGINE_KERNEL(row_outside, (uint32_t* y)) {
          ENGINE_DYNAMIC_SHARED(bfloat16, tile);
          uint32_t m[4];
          load_matrix_x4(m, tile + 8 * threadIdx.x);
          y[threadIdx.x] = m[0];
        }

        ENGINE_KERNEL(copied, (float* y, int waits)) {
          ENGINE_SHARED(float, tile, 128);
          copy_async_16(tile + 4 * threadIdx.x, y + 4 * threadIdx.x);
          copy_async_commit();
          if (waits) copy_async_wait<0>();
          __syncthreads();
          y[threadIdx.x] = tile[127 - threadIdx.x];
        }

        ENGINE_KERNEL(unwritten, (float* y)) {
          ENGINE_SHARED(float, tile, 64);
          if (blockIdx.x == 0) tile[threadIdx.x] = 1;
          __syncthreads();
          y[blockIdx.x * 64 + threadIdx.x] = tile[threadIdx.x];
        }

        ENGINE_KERNEL(handed_over, (float* y)) {
          ENGINE_SHARED(float, tile, 64);
          if (threadIdx.x < 64) {
            tile[threadIdx.x] = threadIdx.x;
            named_barrier(1, 64);
            y[threadIdx.x] = tile[63 - threadIdx.x];
          } else {
            y[threadIdx.x] = -1;
          }
        }

        ENGINE_KERNEL(never_three_warps, (float* y)) {
          if (threadIdx.x < 64) named_barrier(2, 96);
          y[threadIdx.x] = 0;
        }

        ENGINE_KERNEL(before_the_buffer, (float* y)) { y[-2] = 1; }
        ENGINE_KERNEL(behind_the_buffer, (float* y)) { y[4096 + threadIdx.x] = 1; }

        ENGINE_KERNEL_BOUNDS(bounded, 64, 1, (float* y)) { y[threadIdx.x] = 0; }
        """;

    private static readonly EmulationOrder[] s_orders = Enum.GetValues<EmulationOrder>();

    [Fact]
    public void A_kernel_with_its_barrier_gives_the_same_in_every_order()
    {
        using var text = new KernelText(Source);
        foreach (EmulationOrder order in s_orders)
            Assert.Equal(Enumerable.Range(0, 128).Select(i => 127f - i), text.Run("reversed", new float[128], 128, order));
        foreach (EmulationOrder order in s_orders)
            Assert.Equal([.. Enumerable.Range(0, 64).Select(i => 63f - i), .. Enumerable.Repeat(-1f, 32)], text.Run("handed_over", new float[96], 96, order));
    }

    [Fact]
    public void The_C_librarys_stack_switch_does_the_same()
    {
        using var text = new KernelText(Source, new CudaDefine("ENGINE_UCONTEXT", 1));
        foreach (EmulationOrder order in s_orders)
            Assert.Equal(Enumerable.Range(0, 128).Select(i => 127f - i), text.Run("reversed", new float[128], 128, order));
        Assert.Contains("never comes: it has ended", text.Error("some_stay_away", 64), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_barrier_gives_NaNs_or_differs_between_the_orders()
    {
        using var text = new KernelText(Source);
        foreach (var (function, threads) in new[] { ("reversed_without_barrier", 128), ("neighbours_without_warp_barrier", 32) })
        {
            float[][] results = [.. s_orders.Select(order => text.Run(function, new float[threads], threads, order))];
            Assert.NotEqual(results[0], results[1]);
            Assert.Contains(results, result => result.Any(float.IsNaN));
        }
    }

    [Fact]
    public void A_copy_that_is_not_waited_for_differs_between_the_orders()
    {
        using var text = new KernelText(Source);
        float[] values = [.. Enumerable.Range(0, 128).Select(i => (float)i)];
        foreach (EmulationOrder order in s_orders)
        {
            // One warp copies, so only its own numbers come back reversed.
            Assert.Equal(values[96..].Reverse(), text.Run("copied", values, 32, order, more: 1)[..32]);
        }

        Assert.All(text.Run("copied", values, 32, EmulationOrder.Ascending, more: 0)[..32], value => Assert.True(float.IsNaN(value)));
        Assert.Equal(values[96..].Reverse(), text.Run("copied", values, 32, EmulationOrder.Descending, more: 0)[..32]);
    }

    [Fact]
    public void Shared_memory_of_a_block_is_NaN_until_it_is_written()
    {
        using var text = new KernelText(Source);
        foreach (EmulationOrder order in s_orders)
        {
            float[] result = text.Run("unwritten", new float[128], 64, order, blocks: 2);
            Assert.All(result[..64], value => Assert.Equal(1, value));
            Assert.All(result[64..], value => Assert.True(float.IsNaN(value)));
        }
    }

    [Theory]
    [InlineData("some_stay_away", 64, 0, "thread (0, 0, 0) waits at __syncthreads (test.cu:", "where thread (40, 0, 0) never comes: it has ended")]
    [InlineData("two_places", 64, 0, "two_places: block (0, 0, 0)", "__syncthreads at line")]
    [InlineData("half_a_warp", 32, 0, "thread (0, 0, 0) waits at __shfl_xor_sync", "where thread (16, 0, 0) never comes: it has ended")]
    [InlineData("never_three_warps", 96, 0, "thread (0, 0, 0) waits at named_barrier", "where thread (64, 0, 0) never comes: it has ended")]
    [InlineData("outside", 32, 0, "thread (31, 0, 0)", "element 32 of a shared array of 32")]
    [InlineData("outside_by_pointer", 32, 0, "block (0, 0, 0)", "written 0 bytes behind the shared array of line")]
    [InlineData("row_outside", 32, 496, "thread (31, 0, 0)", "load_matrix_x4: 16 bytes at an address outside the shared arrays")]
    [InlineData("before_the_buffer", 1, 0, "before_the_buffer", "wrote 8 bytes before a buffer of 16384 bytes")]
    [InlineData("behind_the_buffer", 32, 0, "behind_the_buffer", "wrote 0 bytes behind a buffer of 16384 bytes")]
    [InlineData("bounded", 96, 0, "bounded", "a block has 1 … 64 threads")]
    [InlineData("absent", 32, 0, "no kernel 'absent'", "in this library")]
    public void What_is_wrong_is_said_with_kernel_block_and_thread(string function, int threads, int shared, string first, string second)
    {
        using var text = new KernelText(Source);
        string message = text.Error(function, threads, shared: shared);
        Assert.Contains(first, message, StringComparison.Ordinal);
        Assert.Contains(second, message, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(0, 128).Select(i => 127f - i), text.Run("reversed", new float[128], 128));
    }
}
