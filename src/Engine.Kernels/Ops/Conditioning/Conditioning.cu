// silu(time[times[r]] + weight * action[r / rows_per_action] + bias) as ENG_OUTPUT, bfloat16 or float: what the projection to all shifts, scales and gates is given (adaLN).
//
// An action is a handful of numbers, so its embedding is not worth a GEMM: a thread makes four neighbours of a row with the weight transposed to
// [actions, dim]. Bound by latency. Budget: 48 registers, no shared memory.
#include "engine_device.cuh"

using namespace engine;

constexpr int kDim = ENG_DIM, kActions = ENG_ACTIONS, kThreads = 128, kVector = kDim % 4 == 0 ? 4 : 1, kChunks = kDim / kVector;

ENGINE_KERNEL_BOUNDS(condition, kThreads, 1, (
    const float* time, const int* times, const float* actions, int rows, int rows_per_action, const float* weight, const float* bias, ENG_OUTPUT* y)) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int row = static_cast<int>(at / kChunks), column = static_cast<int>(at % kChunks) * kVector;
  if (row >= rows) return;
  float sum[kVector], embedded[kVector];
  load_numbers(bias + column, sum);
  const float* action = actions + static_cast<int64_t>(row / rows_per_action) * kActions;
#pragma unroll 4
  for (int i = 0; i < kActions; i++) {
    float w[kVector];
    load_numbers(weight + i * kDim + column, w);
#pragma unroll
    for (int k = 0; k < kVector; k++) sum[k] = fmaf(action[i], w[k], sum[k]);
  }
  load_numbers(time + static_cast<int64_t>(times[row]) * kDim + column, embedded);
#pragma unroll
  for (int k = 0; k < kVector; k++) sum[k] = silu(sum[k] + embedded[k]);
  store_numbers(y + static_cast<int64_t>(row) * kDim + column, sum);
}
