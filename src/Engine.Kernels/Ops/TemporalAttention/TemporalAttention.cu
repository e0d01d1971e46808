// Causal attention in time over a ring of cached keys and values, for many frames at once: softmax(rotate(q) * keys^T / sqrt(width)) * values, for each
// frame, token and head over the slots that the frame sees; and the entry of a frame's own rotated keys and values into its slot.
//
// Numbers are stored as ENG_NUMBER, bfloat16 or (as a yardstick for it) float; sums are float32. A cache is [caches, slots, tokens, dim], so that a frame's entry is a copy of rows and a warp reads
// whole lines. frames is [frames, 3 + window]: cache, position, number of slots, the slots oldest first; the last is the frame's own.
// A head's numbers lie eight to a lane: a group of width / 8 lanes (rounded up to a power of two) has a query, and with 64-wide heads a warp has four heads
// of one token, 512 bytes in a row. Up to seven slots are read at once before their use (a window of 10 in two rounds of five); a running maximum and sum
// (online soft-max) is brought up to date once a round. temporal_append_attend takes the frame's own key and value from registers, rounded as they are stored, in the place of the last slot:
// its result is bit for bit that of temporal_append followed by temporal_attend.
//
// Roofline: slots * 4 * dim bytes a token and hardly an operation on them, so bandwidth of L2 or HBM; one environment (256 tokens of 1024, 10 slots,
// 10 MB) is bound by the latency of two rounds of loads. Budget: 128 registers, no shared memory, no spills. In float two slots are read at once, for the registers' sake.
#include "engine_device.cuh"

using namespace engine;

constexpr int kHeads = ENG_HEADS, kHeadWidth = ENG_HEAD_WIDTH, kDim = kHeads * kHeadWidth, kTokens = ENG_TOKENS, kWindow = ENG_WINDOW, kThreads = 128;
constexpr int kLanes = kHeadWidth / 8, kGroup = kLanes <= 1 ? 1 : kLanes <= 2 ? 2 : kLanes <= 4 ? 4 : kLanes <= 8 ? 8 : 16;
using number = ENG_NUMBER;
constexpr int kMost = sizeof(number) == 2 ? 7 : 2, kRounds = (kWindow + kMost - 1) / kMost, kAhead = (kWindow + kRounds - 1) / kRounds;
constexpr float kLowest = -1e30f;
static_assert(kHeadWidth % 8 == 0 && kHeadWidth <= 128, "a head is 8, 16, … 128 wide");

template <bool appends, bool attends>
ENGINE_DEVICE void work(
    const number* qkv, const int* frames, int rows, const float* table, number* keys, number* values, number* output, float scale) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int part = static_cast<int>(at % kGroup);
  const int64_t group = at / kGroup;
  const bool present = group < static_cast<int64_t>(rows) * kHeads && part < kLanes;
  // Lanes without work go along, as the shuffles want whole warps; they read what the first does and keep nothing.
  const int row = present ? static_cast<int>(group / kHeads) : 0, column = present ? static_cast<int>(group % kHeads) * kHeadWidth + part * 8 : 0;
  const int frame = row / kTokens, token = row % kTokens;
  const int* description = frames + frame * (3 + kWindow);
  const int* slots = description + 3;
  const int position = description[1], count = description[2];
  constexpr int64_t slot_length = static_cast<int64_t>(kTokens) * kDim;
  const int64_t cache = static_cast<int64_t>(description[0]) * kWindow * slot_length + static_cast<int64_t>(token) * kDim + column;
  const number* from = qkv + static_cast<int64_t>(row) * (3 * kDim) + column;

  float turn[8];
  load_numbers(table + position * kHeadWidth + column % kHeadWidth, turn);
  eight_numbers<number> own_key = {}, own_value = {};
  if (appends) {
    float key[8];
    load_numbers(from + kDim, key);
    rotate(key, turn);
    pack(key, own_key);
    own_value = load_eight(from + 2 * kDim);
    const int64_t to = cache + slots[count - 1] * slot_length;
    if (present) {
      store_eight(keys + to, own_key);
      store_eight(values + to, own_value);
    }
  }
  if (!attends) return;

  float query[8], sums[8], highest = kLowest, total = 0.0f;
  load_numbers(from, query);
  rotate(query, turn);
#pragma unroll
  for (int k = 0; k < 8; k++) {
    query[k] = present ? query[k] * scale : 0.0f;
    sums[k] = 0.0f;
  }

  // Groups of a warp may see different numbers of slots: all go as far as the one that sees most.
  int most = count;
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) most = max(most, __shfl_xor_sync(ENGINE_FULL_WARP, most, offset));
  for (int first = 0; first < most; first += kAhead) {
    eight_numbers<number> key[kAhead], value[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; i++) {
      const int slot = min(first + i, count - 1);
      const bool own = appends && slot == count - 1;
      const int64_t place = cache + slots[slot] * slot_length;
      key[i] = own ? own_key : load_eight(keys + place);
      value[i] = own ? own_value : load_eight(values + place);
    }
    float score[kAhead], new_highest = highest;
#pragma unroll
    for (int i = 0; i < kAhead; i++) {
      float x[8], product = 0.0f;
      unpack(key[i], x);
#pragma unroll
      for (int k = 0; k < 8; k++) product = fmaf(query[k], x[k], product);
      product = warp_sum<kGroup>(product);
      score[i] = first + i < count ? product : kLowest;
      new_highest = fmaxf(new_highest, score[i]);
    }
    const float correction = exp2_fast(highest - new_highest);
    highest = new_highest;
    total *= correction;
#pragma unroll
    for (int k = 0; k < 8; k++) sums[k] *= correction;
#pragma unroll
    for (int i = 0; i < kAhead; i++) {
      float x[8];
      const float weight = exp2_fast(score[i] - highest);
      unpack(value[i], x);
      total += weight;
#pragma unroll
      for (int k = 0; k < 8; k++) sums[k] = fmaf(weight, x[k], sums[k]);
    }
  }
  if (!present) return;
  const float factor = 1.0f / total;
#pragma unroll
  for (int k = 0; k < 8; k++) sums[k] *= factor;
  store_numbers(output + static_cast<int64_t>(row) * kDim + column, sums);
}

ENGINE_KERNEL_BOUNDS(temporal_append, kThreads, 4, (const number* qkv, const int* frames, int rows, const float* table, number* keys, number* values)) {
  work<true, false>(qkv, frames, rows, table, keys, values, nullptr, 0.0f);
}

ENGINE_KERNEL_BOUNDS(temporal_attend, kThreads, 4, (
    const number* qkv, const int* frames, int rows, const float* table, number* keys, number* values, number* output, float scale)) {
  work<false, true>(qkv, frames, rows, table, keys, values, output, scale);
}

ENGINE_KERNEL_BOUNDS(temporal_append_attend, kThreads, 4, (
    const number* qkv, const int* frames, int rows, const float* table, number* keys, number* values, number* output, float scale)) {
  work<true, true>(qkv, frames, rows, table, keys, values, output, scale);
}
