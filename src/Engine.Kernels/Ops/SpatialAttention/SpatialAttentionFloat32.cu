// output = softmax(q * k^T / sqrt(width)) * v for every head of every frame in float32, each token seeing all tokens of its frame: the yardstick that tells what SpatialAttention.cu rounds from a
// fault of it.
//
// qkv is [frames * tokens, 3 * dim]: rotated queries, rotated keys, values. A head's numbers lie eight to a lane; a group of width / 8 lanes (rounded up to a power of two) has a query and goes
// through the keys one by one with a running maximum and sum. Bound by the latency of that chain, about 100 clocks a key. Budget: 96 registers, no shared memory.
#include "engine_device.cuh"

using namespace engine;

constexpr int kHeads = ENG_HEADS, kHeadWidth = ENG_HEAD_WIDTH, kDim = kHeads * kHeadWidth, kThreads = 128;
constexpr int kLanes = kHeadWidth / 8, kGroup = kLanes <= 1 ? 1 : kLanes <= 2 ? 2 : kLanes <= 4 ? 4 : kLanes <= 8 ? 8 : 16;
static_assert(kHeadWidth % 8 == 0 && kHeadWidth <= 128, "a head is 8, 16, … 128 wide");

ENGINE_KERNEL_BOUNDS(spatial_attention_float32, kThreads, 1, (const float* qkv, float* output, int rows, int tokens, float scale_log2e)) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x, group = at / kGroup;
  const int part = static_cast<int>(at % kGroup);
  const bool present = group < static_cast<int64_t>(rows) * kHeads && part < kLanes;
  // Lanes without work go along, as the shuffles want whole warps; they read what the first does and keep nothing.
  const int row = present ? static_cast<int>(group / kHeads) : 0, column = present ? static_cast<int>(group % kHeads) * kHeadWidth + part * 8 : 0;
  constexpr int64_t stride = 3 * kDim;
  float query[8], sums[8] = {}, highest = -1e30f, total = 0.0f;
  load_numbers(qkv + row * stride + column, query);
#pragma unroll
  for (int k = 0; k < 8; k++) query[k] = present ? query[k] * scale_log2e : 0.0f;
  const float* keys = qkv + static_cast<int64_t>(row / tokens) * tokens * stride + kDim + column;
  for (int other = 0; other < tokens; other++, keys += stride) {
    float x[8], score = 0.0f;
    load_numbers(keys, x);
#pragma unroll
    for (int k = 0; k < 8; k++) score = fmaf(query[k], x[k], score);
    score = warp_sum<kGroup>(score);
    const float before = highest;
    highest = fmaxf(highest, score);
    const float correction = exp2_fast(before - highest), weight = exp2_fast(score - highest);
    load_numbers(keys + kDim, x);
    total = fmaf(total, correction, weight);
#pragma unroll
    for (int k = 0; k < 8; k++) sums[k] = fmaf(sums[k], correction, weight * x[k]);
  }
  if (!present) return;
#pragma unroll
  for (int k = 0; k < 8; k++) sums[k] /= total;
  store_numbers(output + static_cast<int64_t>(row) * kDim + column, sums);
}
