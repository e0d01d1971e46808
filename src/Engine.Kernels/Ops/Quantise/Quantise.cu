// Rows of float32 to float8: each divided by its greatest magnitude over 448, which is kept as its scale. For weights, a row of which is an output of its layer; once, when they are loaded.
//
// A warp has a row and sweeps over it twice. Bound by memory, 9 bytes a number. Budget: 80 registers, no shared memory.
#include "engine_device.cuh"

using namespace engine;

constexpr int kThreads = 128;

/// norms: the length of each row as it is stored, times its scale. width is a multiple of 4.
ENGINE_KERNEL_BOUNDS(quantise_rows, kThreads, 1, (const float* x, int rows, int width, float8* y, float* scales, float* norms)) {
  const int row = blockIdx.x * (kThreads / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  x += static_cast<int64_t>(row) * width;
  y += static_cast<int64_t>(row) * width;
  float greatest = 0.0f, numbers[4];
  for (int at = 4 * lane; at < width; at += 128) {
    load_numbers(x + at, numbers);
#pragma unroll
    for (int k = 0; k < 4; k++) greatest = fmaxf(greatest, fabsf(numbers[k]));
  }
  greatest = warp_max(greatest);
  const float scale = greatest > 0.0f ? greatest / greatest_float8 : 1.0f, shrink = 1.0f / scale;
  float length = 0.0f;
  for (int at = 4 * lane; at < width; at += 128) {
    load_numbers(x + at, numbers);
#pragma unroll
    for (int k = 0; k < 4; k++) {
      numbers[k] *= shrink;
      const float stored = to_float(to_float8(numbers[k]));
      length = fmaf(stored, stored, length);
    }
    store_numbers(y + at, numbers);
  }
  length = sqrtf(warp_sum(length));
  if (lane != 0) return;
  scales[row] = scale;
  norms[row] = length * scale;
}
