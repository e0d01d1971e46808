// C[M, N] = epilogue(scale * A[M, K] * W[N, K]^T + bias): every linear layer of the world model, on mma.sync tensor cores (sm_80 and newer).
//
// A block owns one tile of C; engine_tile.cuh says how it is summed. Rows beyond M and N and chunks beyond K are filled with zeros by the copy itself, so
// any M and N will do; K, lda and ldw must be multiples of 16 bytes and A, W aligned to 16 bytes.
//
// Where the grid has a second axis, blockIdx.y shares out K. Each block leaves its float32 tile in the workspace; the one that arrives last adds the parts up in
// order of the splits, whichever block it is, so that the result does not depend on the order of arrival, and leaves the counter at zero.
//
// Roofline, bf16. One k-slice of a TM x TN tile is 2*TM*TN*BK operations on 2*(TM+TN)*BK bytes from L2: 128x128 makes 64 operations a byte, 64x64
// makes 32. One SM of an H100/H200 does 4096 dense bf16 operations a clock by wgmma, by mma.sync about two thirds of it, and gets about 40 bytes a
// clock out of L2 when all ask (an assumption, to be measured), so 128x128 is where both limits meet (2600 of 4096) and smaller tiles are bound by L2. Shared memory gives 128
// bytes a clock: a 64x64 warp tile reads 4 KiB for 131072 operations, 32 of 50 clocks; a 64x32 one 3 KiB for 65536, 24 of 25.
// M = 8192 (32 environments of 256 tokens; N 1024, 3072, 4096): 512 to 2048 tiles on 264 places, 97 % of whole waves: expected 55-60 % of 989
// TFLOP/s, which is 75-80 % of what a wgmma kernel reaches. M = 256 (one environment): 2 GFLOP at most, 8 MB of weights (1.8 us of HBM3e), but
// 25-50 MB of L2 reads, 5-7 us: bound by L2, not by tensor cores; GemmPlan weighs tiles and splits by that.
// To get further: wgmma with operands read from shared memory (no ldmatrix, 64x256 per warp group), TMA with multicast inside a cluster (half the
// L2 reads at M = 256), a persistent loop that hides the epilogue behind the next tile.
//
// Budget: 64x64 warp tiles 128 accumulators, at most 255 registers, 128 threads, two blocks an SM; no spills.
#include "engine_tile.cuh"

using namespace engine;

using product = tile_product<ENG_TILE_M, ENG_TILE_N, ENG_ROW_BYTES, ENG_STAGES, ENG_WARPS_M, ENG_WARPS_N, ENG_INPUT>;

constexpr int kBand = 16;

#if ENG_OUTPUT == 1
using result = uint16_t;
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
    int m, int n, int k_bytes, int lda_bytes, int ldw_bytes, int ldc, int gate_stride, int rows_per_gate, int first_row, float scale)) {
  ENGINE_DYNAMIC_SHARED(uint8_t, shared);

  // Blocks that run together take tiles from a band of 16 rows of tiles, so that they share slices of A and W in L2.
  const int tiles_m = (m + ENG_TILE_M - 1) / ENG_TILE_M, tiles_n = (n + ENG_TILE_N - 1) / ENG_TILE_N;
  const int tile = blockIdx.x, band = tile / (kBand * tiles_n), within = tile - band * kBand * tiles_n;
  const int height = min(kBand, tiles_m - band * kBand);
  const int row0 = (band * kBand + within % height) * ENG_TILE_M, column0 = within / height * ENG_TILE_N;

  const int slices = (k_bytes + ENG_ROW_BYTES - 1) / ENG_ROW_BYTES, splits = gridDim.y, share = (slices + splits - 1) / splits;
  const int first_slice = min(slices, static_cast<int>(blockIdx.y) * share), count = min(slices - first_slice, share);

  const uint8_t* from_a = a + static_cast<int64_t>(row0) * lda_bytes + static_cast<int64_t>(first_slice) * ENG_ROW_BYTES;
  const uint8_t* from_w = w + static_cast<int64_t>(column0) * ldw_bytes + static_cast<int64_t>(first_slice) * ENG_ROW_BYTES;
  int bytes_left = k_bytes - first_slice * ENG_ROW_BYTES;
  product sum;
  sum.run(shared, count, [&](uint8_t* to) {
    product::copy_slice<ENG_TILE_M>(to, from_a, lda_bytes, m - row0, bytes_left);
    product::copy_slice<ENG_TILE_N>(to + ENG_TILE_M * ENG_ROW_BYTES, from_w, ldw_bytes, n - column0, bytes_left);
    from_a += ENG_ROW_BYTES;
    from_w += ENG_ROW_BYTES;
    bytes_left -= ENG_ROW_BYTES;
  });
  if (splits > 1 && !sum.join(shared, workspace, arrivals, tile, gridDim.x, blockIdx.y, splits)) return;

  const bool aligned = (ldc & 1) == 0;
  sum.for_each_pair([&](int row, int column, float first, float second) {
    row += row0;
    column += column0;
    if (row >= m || column >= n) return;
    const bool both = column + 1 < n;
    first = fmaf(first, scale, bias ? bias[column] : 0.0f);
    second = fmaf(second, scale, bias && both ? bias[column + 1] : 0.0f);
    result* to = c + static_cast<int64_t>(row) * ldc + column;
#if ENG_EPILOGUE == 3
    const float* gate = gates + static_cast<int64_t>((first_row + row) / rows_per_gate) * gate_stride + column;
    store_pair(to, fmaf(gate[0], first, to[0]), both ? fmaf(gate[1], second, to[1]) : 0.0f, both, aligned);
#else
    store_pair(to, activated(first), activated(second), both, aligned);
#endif
  });
}
