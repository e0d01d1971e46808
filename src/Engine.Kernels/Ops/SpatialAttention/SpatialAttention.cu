// output = softmax(q * k^T / sqrt(width)) * v for every head of every frame, each token seeing all tokens of its frame: the attention of a spatial
// block, on mma.sync tensor cores (sm_80 and newer), in one sweep with a running soft-max (FlashAttention-2, arXiv 2307.08691).
//
// q, k and v are bfloat16 rows, apart by any stride, e.g. the three parts of one packed [rows, 3D] matrix, rotary embedding already applied; row r of
// frame f is f * tokens + r. A block takes ENG_WARPS * ENG_ROW_BLOCKS * 16 queries of one head (blockIdx.x: which, y: head, z: frame); a warp keeps
// its queries, scores and outputs in registers as fragments. Keys and values pass through shared memory 64 at a time in two stages filled by cp.async;
// keys beyond the last token are zeros, and their scores are set to -1e30. Scores are float32, exponentials powers of two with
// log2(e) / sqrt(width) in one factor; weights are rounded to bfloat16 for the second product, sums of them are not.
// The width of a head is a multiple of 16 up to 128; rows start at multiples of 16 bytes.
//
// Roofline, bf16. 4 * tokens^2 * width operations a head and frame on 8 * tokens * width bytes: at 256 tokens 128 operations a byte even from HBM
// (3.4-4.8 TB/s need 206-295), but q, k and v come fresh from the product before, that is out of L2, and keys and values are read once per
// block of queries: 128 queries make 128 operations a byte of L2 traffic, as a 128 x 128 tile of a GEMM does. A warp with two row blocks reads
// 16 KiB of keys and values (width 64) from shared memory, 128 clocks, for 524288 operations, 195 clocks at the two thirds of 4096 a clock that
// mma.sync gives on sm_90; with one row block reading is the longer part. The 32 x 64 scores of a warp's slice cost 2048 exponentials; the
// special-function units do 16 a clock, so with 4 warps 512 clocks against 800 for the products: hidden only as far as the other block of
// the SM runs in between. Expected at 256 tokens, 16 heads x 64, 32 frames: 30-40 % of 989 TFLOP/s. One frame alone is 0.27 GFLOP in a chain of four
// slices: latency, about 3-4 us, whatever the tile; small tiles merely fill more SMs.
// To get further: wgmma with two warp groups taking turns (products of one under the soft-max of the other, FlashAttention-3, arXiv 2407.08608).
//
// Budget: at most 255 registers, 64 KiB of shared memory (width 64: 48 KiB), no spills.
#include "engine_tile.cuh"

using namespace engine;

constexpr int kThreads = 32 * ENG_WARPS, kWidth = ENG_HEAD_WIDTH, kRowBlocks = ENG_ROW_BLOCKS, kKeys = 64;
constexpr int kWarpRows = 16 * kRowBlocks, kQueries = kWarpRows * ENG_WARPS;
constexpr int kRowBytes = kWidth <= 32 ? 64 : kWidth <= 64 ? 128 : 256;
constexpr float kLowest = -1e30f;
constexpr int kChunks = kWidth / 8, kSteps = kWidth / 16;
constexpr int kSliceBytes = kKeys * kRowBytes;
static_assert(kWidth % 16 == 0 && kWidth <= 128, "a head is a multiple of 16 wide, up to 128");

template <int kRows>
ENGINE_DEVICE void copy_rows(uint8_t* to, const uint16_t* from, int stride, int rows) {
#pragma unroll
  for (int i = 0; i < (kRows * kChunks + kThreads - 1) / kThreads; i++) {
    const int at = i * kThreads + threadIdx.x, row = at / kChunks, chunk = at % kChunks;
    if (kRows * kChunks % kThreads != 0 && at >= kRows * kChunks) break;
    const bool valid = row < rows;
    copy_async_16_or_zero(to + swizzled<kRowBytes>(row, chunk), valid ? from + static_cast<int64_t>(row) * stride + chunk * 8 : from, valid);
  }
}

ENGINE_KERNEL_BOUNDS(spatial_attention, kThreads, ENG_BLOCKS_PER_SM, (
    const uint16_t* q, const uint16_t* k, const uint16_t* v, uint16_t* output, int tokens, int stride, int output_stride,
    float scale_log2e)) {
  ENGINE_DYNAMIC_SHARED(uint8_t, shared);
  const int lane = threadIdx.x & 31, warp_row = (threadIdx.x >> 5) * kWarpRows;
  const int query0 = blockIdx.x * kQueries;
  const int64_t frame = static_cast<int64_t>(blockIdx.z) * tokens, head = static_cast<int64_t>(blockIdx.y) * kWidth;
  q += (frame + query0) * stride + head;
  k += frame * stride + head;
  v += frame * stride + head;
  uint8_t* queries = shared;
  uint8_t* slices = shared + kQueries * kRowBytes;
  auto copy_slice = [&](int slice) {
    uint8_t* to = slices + (slice & 1) * 2 * kSliceBytes;
    const int64_t from = static_cast<int64_t>(slice) * kKeys * stride;
    copy_rows<kKeys>(to, k + from, stride, tokens - slice * kKeys);
    copy_rows<kKeys>(to + kSliceBytes, v + from, stride, tokens - slice * kKeys);
  };

  wait_for_previous_kernel();
  let_next_kernel_begin();
  copy_rows<kQueries>(queries, q, stride, tokens - query0);
  copy_slice(0);
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();

  // ldmatrix: lanes 0-15 name 16 rows, lanes 16-31 the same rows one chunk on (queries, and values, which are transposed on the way); for keys,
  // the columns of the product, lanes 0-7 and 16-23 name rows 0-7 and 8-15, lanes 8-15 and 24-31 the same one chunk on.
  const int row = lane & 15, chunk = lane >> 4, key_row = (lane & 7) + (lane >> 4 << 3), key_chunk = lane >> 3 & 1;
  uint32_t query[kRowBlocks][kSteps][4];
#pragma unroll
  for (int i = 0; i < kRowBlocks; i++)
#pragma unroll
    for (int step = 0; step < kSteps; step++) load_matrix_x4(query[i][step], queries + swizzled<kRowBytes>(warp_row + i * 16 + row, 2 * step + chunk));

  float sums[kRowBlocks][kWidth / 8][4], maximum[kRowBlocks][2], total[kRowBlocks][2];
#pragma unroll
  for (int i = 0; i < kRowBlocks; i++) {
    maximum[i][0] = maximum[i][1] = kLowest;
    total[i][0] = total[i][1] = 0.0f;
#pragma unroll
    for (int j = 0; j < kWidth / 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) sums[i][j][e] = 0.0f;
  }

  const int count = (tokens + kKeys - 1) / kKeys;
  for (int slice = 0; slice < count; slice++) {
    if (slice + 1 < count) copy_slice(slice + 1);
    copy_async_commit();
    const uint8_t* keys = slices + (slice & 1) * 2 * kSliceBytes;
    const uint8_t* values = keys + kSliceBytes;

    float scores[kRowBlocks][kKeys / 8][4];
#pragma unroll
    for (int i = 0; i < kRowBlocks; i++)
#pragma unroll
      for (int j = 0; j < kKeys / 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) scores[i][j][e] = 0.0f;
#pragma unroll
    for (int step = 0; step < kSteps; step++)
#pragma unroll
      for (int j = 0; j < kKeys / 16; j++) {
        uint32_t right[4];
        load_matrix_x4(right, keys + swizzled<kRowBytes>(j * 16 + key_row, 2 * step + key_chunk));
#pragma unroll
        for (int i = 0; i < kRowBlocks; i++) {
          multiply_add_bfloat16(scores[i][2 * j], query[i][step], right[0], right[1]);
          multiply_add_bfloat16(scores[i][2 * j + 1], query[i][step], right[2], right[3]);
        }
      }

    // A lane holds columns 2t, 2t + 1 of rows g and g + 8 of each 16 x 8 block, g = lane / 4, t = lane % 4.
    const int left_keys = tokens - slice * kKeys;
    if (left_keys < kKeys) {
#pragma unroll
      for (int i = 0; i < kRowBlocks; i++)
#pragma unroll
        for (int j = 0; j < kKeys / 8; j++)
#pragma unroll
          for (int e = 0; e < 4; e++)
            if (j * 8 + (lane & 3) * 2 + (e & 1) >= left_keys) scores[i][j][e] = kLowest;
    }

#pragma unroll
    for (int i = 0; i < kRowBlocks; i++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float highest = maximum[i][half];
#pragma unroll
        for (int j = 0; j < kKeys / 8; j++) highest = fmaxf(highest, fmaxf(scores[i][j][half * 2], scores[i][j][half * 2 + 1]));
        highest = fmaxf(highest, __shfl_xor_sync(ENGINE_FULL_WARP, highest, 1));
        highest = fmaxf(highest, __shfl_xor_sync(ENGINE_FULL_WARP, highest, 2));
        const float shrink = exp2_fast((maximum[i][half] - highest) * scale_log2e), offset = highest * scale_log2e;
        maximum[i][half] = highest;
        float sum = total[i][half] * shrink;
#pragma unroll
        for (int j = 0; j < kKeys / 8; j++)
#pragma unroll
          for (int e = half * 2; e < half * 2 + 2; e++) sum += scores[i][j][e] = exp2_fast(fmaf(scores[i][j][e], scale_log2e, -offset));
        total[i][half] = sum;
#pragma unroll
        for (int j = 0; j < kWidth / 8; j++)
#pragma unroll
          for (int e = half * 2; e < half * 2 + 2; e++) sums[i][j][e] *= shrink;
      }

    // Two neighbouring blocks of scores are, rounded, one fragment of the left factor.
#pragma unroll
    for (int j = 0; j < kKeys / 16; j++) {
      uint32_t weights[kRowBlocks][4];
#pragma unroll
      for (int i = 0; i < kRowBlocks; i++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const float* pair = scores[i][2 * j + e / 2] + e % 2 * 2;
          weights[i][e] = pack_bfloat16(pair[0], pair[1]);
        }
#pragma unroll
      for (int d = 0; d < kSteps; d++) {
        uint32_t right[4];
        load_matrix_x4_transposed(right, values + swizzled<kRowBytes>(j * 16 + row, 2 * d + chunk));
#pragma unroll
        for (int i = 0; i < kRowBlocks; i++) {
          multiply_add_bfloat16(sums[i][2 * d], weights[i], right[0], right[1]);
          multiply_add_bfloat16(sums[i][2 * d + 1], weights[i], right[2], right[3]);
        }
      }
    }

    copy_async_wait<0>();
    __syncthreads();
  }

  // Outputs go through the rows of shared memory that the warp's own queries came from, so that they leave in whole chunks.
#pragma unroll
  for (int i = 0; i < kRowBlocks; i++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float sum = total[i][half];
      sum += __shfl_xor_sync(ENGINE_FULL_WARP, sum, 1);
      sum += __shfl_xor_sync(ENGINE_FULL_WARP, sum, 2);
      const float inverse = 1.0f / sum;
      const int at = warp_row + i * 16 + half * 8 + (lane >> 2);
#pragma unroll
      for (int j = 0; j < kWidth / 8; j++)
        *reinterpret_cast<uint32_t*>(queries + swizzled<kRowBytes>(at, j) + (lane & 3) * 4) = pack_bfloat16(sums[i][j][half * 2] * inverse, sums[i][j][half * 2 + 1] * inverse);
    }
  __syncwarp();
  output += (frame + query0 + warp_row) * output_stride + head;
#pragma unroll
  for (int i = 0; i < (kWarpRows * kChunks + 31) / 32; i++) {
    const int at = i * 32 + lane, r = at / kChunks, c = at % kChunks;
    if (at < kWarpRows * kChunks && query0 + warp_row + r < tokens)
      store_16(output + static_cast<int64_t>(r) * output_stride + c * 8, load_16(queries + swizzled<kRowBytes>(warp_row + r, c)));
  }
}
