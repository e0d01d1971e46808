// x += gate * (y + bias), row by row: the end of a residual branch whose product was made by another library. Our own GEMM does this in its epilogue.
//
// Four neighbours a thread (one where the width is no multiple of 4); bound by memory. Budget: 40 registers, no shared memory.
#include "engine_device.cuh"

using namespace engine;

constexpr int kWidth = ENG_WIDTH, kVector = kWidth % 4 == 0 ? 4 : 1, kChunks = kWidth / kVector, kThreads = 256;

ENGINE_KERNEL_BOUNDS(gated_residual, kThreads, 1, (
    const ENG_SOURCE* y, int rows, const float* bias, const float* gates, int stride, int rows_per_group, int first_row, float* x)) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int row = static_cast<int>(at / kChunks), column = static_cast<int>(at % kChunks) * kVector;
  if (row >= rows) return;
  const int64_t place = static_cast<int64_t>(row) * kWidth + column;
  float added[kVector], gate[kVector], sum[kVector], offset[kVector] = {};
  load_numbers(y + place, added);
  load_numbers(gates + static_cast<int64_t>((first_row + row) / rows_per_group) * stride + column, gate);
  load_numbers(x + place, sum);
  if (bias) load_numbers(bias + column, offset);
#pragma unroll
  for (int k = 0; k < kVector; k++) sum[k] = fmaf(gate[k], added[k] + offset[k], sum[k]);
  store_numbers(x + place, sum);
}
