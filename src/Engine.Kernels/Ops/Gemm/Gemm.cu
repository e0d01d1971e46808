// C[M, N] = epilogue(A[M, K] * W[N, K]^T + bias): every linear layer of the world model, on tensor cores: by mma.sync (sm_80 and newer), or with
// ENG_WARPGROUP by wgmma (sm_90a); in float32, as a yardstick, on the ordinary cores.
//
// A block owns one tile of C; engine_tile.cuh, engine_warpgroup.cuh and engine_float32.cuh say how it is summed. Rows beyond M and N and chunks beyond K are filled with zeros by the
// copy itself, so any M and N will do; K, lda and ldw must be multiples of 16 bytes and A, W aligned to 16 bytes.
//
// Where the grid has a second axis, blockIdx.y shares out K. Each block leaves its float32 tile in the workspace; the one that arrives last adds the parts up in
// order of the splits, whichever block it is, so that the result does not depend on the order of arrival, and leaves the counter at zero.
//
// The kernel overlaps with the one before it (engine_overlap.cuh): the first slices of W, which that one must not write, are on their way when it ends.
//
// In float8 row r of A and row n of W are stored divided by a scale of their own; the sum is multiplied by both before the bias. Results in float8 are divided by a scale of their row that is known
// beforehand (a bound, as no block sees a whole row).
//
// Roofline, bf16; nothing here was measured. One slice of a TM x TN tile is 2*TM*TN*BK operations on 2*(TM+TN)*BK bytes from L2: 128x256 makes 85 operations a byte,
// 128x128 64, 64x64 32. One SM of an H100/H200 does 4096 dense operations a clock by wgmma, by mma.sync about two thirds of it, and is taken to get 40 bytes a clock
// out of L2 when all ask: limits of 3400, 2560 and 1280 operations a clock. Shared memory gives 128 bytes a clock: a 64x64 warp tile of mma.sync reads 4 KiB for
// 131072 operations, 32 of 50 clocks, a 64x32 one 3 KiB for 65536, 24 of 25; wgmma 64x256 reads 10 KiB for 524288, and the copies write 6, which is all of 128 clocks.
// M = 8192 (32 environments of 256 tokens; N 1024, 3072, 4096): mma.sync 512 to 2048 tiles on 264 places, 97 % of whole waves, expected 50-60 % of 989
// TFLOP/s; warp groups 256 to 1024 tiles on 132, with results written while nothing is multiplied, expected 60-70 %. M = 256 (one environment): 2 GFLOP at most, 8 MB of
// weights (1.8 us of HBM3e), but 25-50 MB of L2 reads, 5-7 us: bound by L2, not by tensor cores; GemmPlan weighs tiles and splits by that.
// To get further: TMA with multicast inside a cluster (half the L2 reads), a persistent loop with a warp of its own for the copies that hides results behind the
// next tile.
//
// Budget: 64x64 warp tiles have 128 accumulators, at most 255 registers, 128 threads, two blocks an SM; warp groups 128 accumulators, 256 threads, one block; no spills.
#if ENG_WARPGROUP
#include "engine_warpgroup.cuh"
#elif ENG_INPUT == 3
#include "engine_float32.cuh"
#else
#include "engine_tile.cuh"
#endif

using namespace engine;

#if ENG_WARPGROUP
static_assert(ENG_TILE_M == 128 && ENG_TILE_N == 256 && ENG_ROW_BYTES == 128 && (ENG_INPUT == 0 || ENG_INPUT == 2), "warp groups multiply 128 x 256 in bfloat16 or float8");
using product = warpgroup_product<ENG_STAGES, ENG_INPUT>;
#elif ENG_INPUT == 3
using product = float32_product<ENG_TILE_M, ENG_TILE_N, ENG_ROW_BYTES, ENG_STAGES, ENG_WARPS_M, ENG_WARPS_N>;
#else
using product = tile_product<ENG_TILE_M, ENG_TILE_N, ENG_ROW_BYTES, ENG_STAGES, ENG_WARPS_M, ENG_WARPS_N, ENG_INPUT>;
#endif

constexpr int kBand = 16;

#if ENG_OUTPUT == 1
using result = uint16_t;
#elif ENG_OUTPUT == 2
using result = float8;
#else
using result = float;
#endif

ENGINE_DEVICE float activated(float x) {
#if ENG_EPILOGUE == 1
  return gelu_tanh(x);
#elif ENG_EPILOGUE == 2
  return silu(x);
#else
  return x;
#endif
}

ENGINE_KERNEL_BOUNDS(gemm, product::threads, ENG_BLOCKS_PER_SM, (
    const uint8_t* a, const uint8_t* w, const float* bias, result* c, const float* gates, float* workspace, uint32_t* arrivals,
    int m, int n, int k_bytes, int lda_bytes, int ldw_bytes, int ldc, int gate_stride, int rows_per_gate, int first_row, const float* row_scales, const float* column_scales,
    const float* result_scales)) {
  ENGINE_DYNAMIC_SHARED(uint8_t, memory);
  uint8_t* shared = product::aligned(memory + 0);

  // Blocks that run together take tiles from a band of 16 rows of tiles, so that they share slices of A and W in L2.
  const int tiles_m = (m + ENG_TILE_M - 1) / ENG_TILE_M, tiles_n = (n + ENG_TILE_N - 1) / ENG_TILE_N;
  const int tile = blockIdx.x, band = tile / (kBand * tiles_n), within = tile - band * kBand * tiles_n;
  const int height = min(kBand, tiles_m - band * kBand);
  const int row0 = (band * kBand + within % height) * ENG_TILE_M, column0 = within / height * ENG_TILE_N;

  const int slices = (k_bytes + ENG_ROW_BYTES - 1) / ENG_ROW_BYTES, splits = gridDim.y, share = (slices + splits - 1) / splits;
  const int first_slice = min(slices, static_cast<int>(blockIdx.y) * share), count = min(slices - first_slice, share);

  const uint8_t* from_a = a + static_cast<int64_t>(row0) * lda_bytes + static_cast<int64_t>(first_slice) * ENG_ROW_BYTES;
  const uint8_t* from_w = w + static_cast<int64_t>(column0) * ldw_bytes + static_cast<int64_t>(first_slice) * ENG_ROW_BYTES;
  int a_left = k_bytes - first_slice * ENG_ROW_BYTES, w_left = a_left;
  auto copy_a = [&](uint8_t* to) {
    product::copy_slice<ENG_TILE_M>(to, from_a, lda_bytes, m - row0, a_left);
    from_a += ENG_ROW_BYTES;
    a_left -= ENG_ROW_BYTES;
  };
  auto copy_w = [&](uint8_t* to) {
    product::copy_slice<ENG_TILE_N>(to, from_w, ldw_bytes, n - column0, w_left);
    from_w += ENG_ROW_BYTES;
    w_left -= ENG_ROW_BYTES;
  };
  product sum;
  sum.run(shared, count, copy_a, copy_w);
  if (splits > 1 && !sum.join(shared, workspace, arrivals, tile, gridDim.x, blockIdx.y, splits)) return;

  const bool aligned = (ldc & 1) == 0;
  sum.for_each_pair([&](int row, int column, float first, float second) {
    row += row0;
    column += column0;
    if (row >= m || column >= n) return;
    const bool both = column + 1 < n;
#if ENG_INPUT == 2
    const float row_scale = row_scales[row];
    first *= row_scale * column_scales[column];
    second *= both ? row_scale * column_scales[column + 1] : 0.0f;
#endif
    first += bias ? bias[column] : 0.0f;
    second += bias && both ? bias[column + 1] : 0.0f;
    result* to = c + static_cast<int64_t>(row) * ldc + column;
#if ENG_EPILOGUE == 3
    const float* gate = gates + static_cast<int64_t>((first_row + row) / rows_per_gate) * gate_stride + column;
    store_pair(to, fmaf(gate[0], first, to[0]), both ? fmaf(gate[1], second, to[1]) : 0.0f, both, aligned);
#elif ENG_OUTPUT == 2
    const float shrink = 1.0f / result_scales[row];
    store_pair(to, activated(first) * shrink, activated(second) * shrink, both, aligned);
#else
    store_pair(to, activated(first), activated(second), both, aligned);
#endif
  });
}
