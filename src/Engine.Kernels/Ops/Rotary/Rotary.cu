// Rotary embedding of queries and keys, in place, in packed rows [rows, 3 * dim] of ENG_NUMBER, bfloat16 or float (queries, keys, values; each head after head).
//
// A thread has eight neighbours, four pairs, in one access. The table holds cosine and sine of each pair by turns, [positions, head width], so that one
// position is one stretch of memory; it stays in the second-level cache. Bound by memory: 8 bytes a pair, and the table's.
// Budget: 40 registers, no shared memory.
#include "engine_device.cuh"

using namespace engine;

constexpr int kHeadWidth = ENG_HEAD_WIDTH, kDim = ENG_HEADS * kHeadWidth, kThreads = 256, kChunks = 2 * kDim / 8;
static_assert(kHeadWidth % 8 == 0, "a head is a whole number of 16-byte chunks wide");

ENGINE_KERNEL_BOUNDS(rotary_packed, kThreads, 1, (ENG_NUMBER* qkv, int rows, const float* table, int positions, int rows_per_position, int first_position)) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int row = static_cast<int>(at / kChunks), chunk = static_cast<int>(at % kChunks);
  if (row >= rows) return;
  const int position = (first_position + row / rows_per_position) % positions;
  ENG_NUMBER* place = qkv + static_cast<int64_t>(row) * (3 * kDim) + chunk * 8;
  float x[8], turn[8];
  load_numbers(place, x);
  load_numbers(table + position * kHeadWidth + chunk * 8 % kHeadWidth, turn);
  rotate(x, turn);
  store_numbers(place, x);
}
