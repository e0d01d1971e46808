// Rows of standard normal numbers, each under a key of its own: [rows, columns], row r as Philox.FillNormal gives it for (seed, stream, keys[r]).
// Four neighbours a thread; bound by arithmetic (ten rounds of two multiplications, a logarithm and a sine for each pair). Budget: 40 registers.
#include "engine_device.cuh"

using namespace engine;

constexpr int kThreads = 256;

ENGINE_KERNEL_BOUNDS(fill_normal, kThreads, 1, (float* y, int rows, int columns, const uint32_t* keys, uint32_t seed_low, uint32_t seed_high, uint32_t stream)) {
  const int blocks = (columns + 3) / 4;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int row = static_cast<int>(at / blocks), index = static_cast<int>(at % blocks);
  if (row >= rows) return;
  const philox_key key{seed_low, seed_high, stream, keys[3 * row], keys[3 * row + 1], keys[3 * row + 2]};
  float x[4];
  philox_normals(key, philox_stream(key), index, x);
  float* to = y + static_cast<int64_t>(row) * columns + 4 * index;
#pragma unroll
  for (int k = 0; k < 4; k++) {
    if (4 * index + k < columns) to[k] = x[k];
  }
}
