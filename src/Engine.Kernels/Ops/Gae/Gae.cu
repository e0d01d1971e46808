// Generalised advantage estimation on time-major arrays [steps, environments], in one pass: every array is read or written once, in whole lines.
//
// A_t = delta_t + decay * on_t * A_{t+1} makes of a stretch of time an affine map of the A behind it. A block takes 32 environments and walks from the
// last step to the first in tiles of 128 steps (32 without vectors): each thread loads kSteps steps of its environments and computes their advantages as if 0
// came behind (kept in registers), the maps of the threads' segments are composed from behind, through lanes within a warp and through shared memory between
// warps, and each thread adds to its advantages what comes from behind: decay^n up to the last end of an episode. The tiles' maps end in the block's carry.
// Flags other than 0 count as 1; an array holds fewer than 2^32 elements.
//
// Memory: 14 bytes read and 4 or 8 written for each step of each environment; from beginnings (one flag, V_{t+1} is the next row) 9 read. [2048, 8192]
// with returns is 369 MB and 285 MB: 77 and 59 us at 4.8 TB/s. 256 blocks of 256 threads, two on an SM; each thread has its next 4
// steps of 36 or 56 bytes on their way while it works on the last: 70 to 110 KB in flight, of which 36 KB are needed at a latency of 1 us.
// Budget: 128 registers, 4 KiB of shared memory, no spills (NVRTC 12.4).
#include "engine_device.cuh"

using namespace engine;

constexpr int kThreads = 256, kVector = ENG_VECTOR, kLanes = kVector == 4 ? 8 : 32, kColumns = kLanes * kVector, kSteps = 4;
constexpr int kPerWarp = 32 / kLanes, kWarps = kThreads / 32, kTile = kThreads / kLanes * kSteps;
static_assert(kVector == 4 || kVector == 1, "four environments a thread, or one");

/// One flag of each environment of a thread, a byte each.
ENGINE_DEVICE uint32_t load_flags(const uint8_t* from) { return kVector == 4 ? *reinterpret_cast<const uint32_t*>(from) : *from; }
ENGINE_DEVICE bool is_set(uint32_t flags, int k) { return (flags >> 8 * k & 255) != 0; }

ENGINE_DEVICE void store_once(float* to, const float (&x)[4]) { store_16_once(to, as_bits(x[0], x[1], x[2], x[3])); }
ENGINE_DEVICE void store_once(float* to, const float (&x)[1]) { *to = x[0]; }

/// The arrays, and what a thread has of a tile. beginnings: the flag says that a step is an episode's first; values and flags of the step behind stand in the next row and,
/// behind the last, in arrays of their own.
template <bool beginnings>
struct rollout {
  const float *rewards, *values, *next_values;
  const uint8_t *terminated, *truncated;
  const float* last_values;
  const uint8_t* last_begins;
  int steps, environments, column;

  float reward[kSteps][kVector], value[kSteps][kVector], next[beginnings ? 1 : kSteps][kVector];
  uint32_t ended[kSteps], cut[beginnings ? 1 : kSteps];

  /// Steps first … first + kSteps − 1; what stands before step 0 or beyond the last environment is 0.
  ENGINE_DEVICE void load(int first) {
    const bool present = column < environments;
    if (beginnings) {
#pragma unroll
      for (int k = 0; k < kVector; k++) next[0][k] = 0.0f;
      cut[0] = 0;
      if (present && first + kSteps > 0) {
        const int t = first + kSteps;
        const uint32_t at = static_cast<uint32_t>(t) * environments + column;
        load_numbers(t < steps ? values + at : last_values + column, next[0]);
        cut[0] = load_flags(t < steps ? terminated + at : last_begins + column);
      }
    }
#pragma unroll
    for (int i = kSteps - 1; i >= 0; i--) {
#pragma unroll
      for (int k = 0; k < kVector; k++) {
        reward[i][k] = value[i][k] = 0.0f;
        if (!beginnings) next[i][k] = 0.0f;
      }
      ended[i] = 0;
      if (!beginnings) cut[i] = 0;
      if (!present || first + i < 0) continue;
      const uint32_t at = static_cast<uint32_t>(first + i) * environments + column;
      load_numbers(rewards + at, reward[i]);
      load_numbers(values + at, value[i]);
      ended[i] = load_flags(terminated + at);
      if (beginnings) continue;
      load_numbers(next_values + at, next[i]);
      cut[i] = load_flags(truncated + at);
    }
  }
};

template <bool beginnings>
ENGINE_DEVICE void run(rollout<beginnings> ahead, float gamma, float decay, float* advantages, float* returns) {
  ENGINE_SHARED(float, factors, 2 * kWarps * kColumns);
  ENGINE_SHARED(float, offsets, 2 * kWarps * kColumns);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, segment_in_warp = lane / kLanes;
  const int in_block = lane % kLanes * kVector;
  ahead.column = blockIdx.x * kColumns + in_block;
  // Threads beyond the last environment go along, as barriers and shuffles want all; they neither read nor write.
  const bool present = ahead.column < ahead.environments;
  const int first_in_tile = (warp * kPerWarp + segment_in_warp) * kSteps;

  float carry[kVector] = {};
  const int tiles = (ahead.steps + kTile - 1) / kTile;
  // The first tile is the last in time; the tile that reaches back beyond step 0 has threads with fewer steps, or none.
  ahead.load(ahead.steps - kTile + first_in_tile);
  for (int tile = 0; tile < tiles; tile++) {
    const int first = ahead.steps - (tile + 1) * kTile + first_in_tile;
    float local[kSteps][kVector], value[kSteps][kVector];
    // What comes from behind reaches the steps from here on: those behind the last end of an episode within the segment.
    int open_from[kVector] = {};
    float sum[kVector] = {};
#pragma unroll
    for (int i = kSteps - 1; i >= 0; i--) {
#pragma unroll
      for (int k = 0; k < kVector; k++) {
        // The step behind: from beginnings that of the next row, which for the last step of a segment was loaded apart.
        const bool last = i == kSteps - 1;
        const float following = !beginnings ? ahead.next[beginnings ? 0 : i][k] : last ? ahead.next[0][k] : ahead.value[last ? i : i + 1][k];
        const bool over = is_set(!beginnings ? ahead.ended[i] : last ? ahead.cut[0] : ahead.ended[last ? i : i + 1], k);
        const bool stops = over || (!beginnings && is_set(ahead.cut[beginnings ? 0 : i], k));
        value[i][k] = ahead.value[i][k];
        const float delta = fmaf(over ? 0.0f : gamma, following, ahead.reward[i][k]) - value[i][k];
        sum[k] = fmaf(stops ? 0.0f : decay, sum[k], delta);
        local[i][k] = sum[k];
        if (stops && open_from[k] == 0) open_from[k] = i + 1;
      }
    }
    // The next tile is on its way while this one is composed and written.
    if (tile + 1 < tiles) ahead.load(first - kTile);

    // The segment's map; one that begins before step 0 is the last to be composed, so what its absent steps make of it does not matter.
    float factor[kVector], offset[kVector];
    float whole = 1.0f;
#pragma unroll
    for (int i = 0; i < kSteps; i++) whole *= decay;
#pragma unroll
    for (int k = 0; k < kVector; k++) {
      factor[k] = open_from[k] == 0 ? whole : 0.0f;
      offset[k] = sum[k];
    }

    // Composition from behind within the warp: afterwards a lane has the map from its segment's first step to the end of the warp's last segment.
#pragma unroll
    for (int distance = kLanes; distance < 32; distance *= 2) {
#pragma unroll
      for (int k = 0; k < kVector; k++) {
        const float behind_factor = __shfl_down_sync(ENGINE_FULL_WARP, factor[k], distance), behind_offset = __shfl_down_sync(ENGINE_FULL_WARP, offset[k], distance);
        if (lane + distance < 32) {
          offset[k] = fmaf(factor[k], behind_offset, offset[k]);
          factor[k] *= behind_factor;
        }
      }
    }
    // Two sets by turns, so that one barrier a tile is enough.
    const int set = (tile & 1) * kWarps * kColumns;
    if (segment_in_warp == 0) {
#pragma unroll
      for (int k = 0; k < kVector; k++) {
        factors[set + warp * kColumns + in_block + k] = factor[k];
        offsets[set + warp * kColumns + in_block + k] = offset[k];
      }
    }
    __syncthreads();

    // What comes into this warp from behind, and into the next tile.
    float incoming[kVector];
#pragma unroll
    for (int w = kWarps - 1; w >= 0; w--) {
#pragma unroll
      for (int k = 0; k < kVector; k++) {
        if (w == warp) incoming[k] = carry[k];
        carry[k] = fmaf(factors[set + w * kColumns + in_block + k], carry[k], offsets[set + w * kColumns + in_block + k]);
      }
    }
    // And into this segment: through the segments behind it in the warp.
#pragma unroll
    for (int k = 0; k < kVector; k++) {
      const float entering = fmaf(factor[k], incoming[k], offset[k]);
      const float from_next = __shfl_down_sync(ENGINE_FULL_WARP, entering, kLanes % 32);
      if (kLanes < 32 && segment_in_warp < kPerWarp - 1) incoming[k] = from_next;
    }

    if (!present) continue;
#pragma unroll
    for (int i = kSteps - 1; i >= 0; i--) {
      float advantage[kVector], sum_with_value[kVector];
#pragma unroll
      for (int k = 0; k < kVector; k++) {
        incoming[k] *= decay;
        advantage[k] = i >= open_from[k] ? local[i][k] + incoming[k] : local[i][k];
        sum_with_value[k] = advantage[k] + value[i][k];
      }
      if (first + i < 0) continue;
      const uint32_t at = static_cast<uint32_t>(first + i) * ahead.environments + ahead.column;
      store_once(advantages + at, advantage);
      if (returns) store_once(returns + at, sum_with_value);
    }
  }
}

ENGINE_KERNEL_BOUNDS(gae, kThreads, 2, (
    const float* rewards, const float* values, const float* next_values, const uint8_t* terminated, const uint8_t* truncated, int steps, int environments, float gamma, float decay,
    float* advantages, float* returns)) {
  run(rollout<false>{rewards, values, next_values, terminated, truncated, nullptr, nullptr, steps, environments}, gamma, decay, advantages, returns);
}

ENGINE_KERNEL_BOUNDS(gae_from_beginnings, kThreads, 2, (
    const float* rewards, const float* values, const uint8_t* begins, const float* last_values, const uint8_t* last_begins, int steps, int environments, float gamma, float decay,
    float* advantages, float* returns)) {
  run(rollout<true>{rewards, values, nullptr, begins, nullptr, last_values, last_begins, steps, environments}, gamma, decay, advantages, returns);
}
