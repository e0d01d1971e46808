// y = (x - mean) / sqrt(variance + epsilon) * (1 + scale) + shift, row by row, from float32 to float32, bfloat16 or float8: what stands before every projection.
//
// A warp has a row in its registers, so that x is read once; shift and scale are asked for before the sums, whose latency hides theirs. The sums run
// through the lanes in an order that does not depend on the row's place. Rows whose width is a multiple of 4 move in 16 bytes, others number by number.
//
// With float8 as output a row is stored divided by its own greatest magnitude over 448, which goes to row_scales; bounds, where they are wanted, take (length of the row * weight_norm + greatest_bias) / 448: what
// no result of the layer behind it exceeds (Cauchy and Schwarz), and so the scale that its activations can be stored with before they are known. e4m3 has the exponents for it: a bound that is ten
// times too high costs no bit of what is within a factor of 3000 of the greatest.
//
// 6 bytes a number against a handful of operations: bound by memory, or for the 256 rows of one environment by the latency of one load and ten
// shuffles. Budget: 3 * width / 32 numbers a lane and 40 registers for the rest; no shared memory.
#include "engine_device.cuh"

using namespace engine;

constexpr int kWidth = ENG_WIDTH, kWarps = ENG_WARPS, kVector = kWidth % 4 == 0 ? 4 : 1;
constexpr int kChunks = kWidth / kVector, kPerLane = (kChunks + 31) / 32;

ENGINE_KERNEL_BOUNDS(layer_norm_modulate, 32 * kWarps, 1, (
    const float* x, int rows, const float* shifts, const float* scales, int stride, int rows_per_group, int first_row, ENG_OUTPUT* y, float epsilon, float* row_scales,
    float* bounds, float weight_norm, float greatest_bias)) {
  const int row = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  const int64_t group = static_cast<int64_t>((first_row + row) / rows_per_group) * stride;
  x += static_cast<int64_t>(row) * kWidth;
  y += static_cast<int64_t>(row) * kWidth;
  shifts += group;
  scales += group;

  float values[kPerLane][kVector], shift[kPerLane][kVector], scale[kPerLane][kVector];
#pragma unroll
  for (int i = 0; i < kPerLane; i++) {
    const int chunk = lane + 32 * i;
    const bool present = kChunks % 32 == 0 || chunk < kChunks;
    if (present) load_numbers(x + chunk * kVector, values[i]);
#pragma unroll
    for (int k = 0; k < kVector; k++) values[i][k] = present ? values[i][k] : 0.0f;
  }
#pragma unroll
  for (int i = 0; i < kPerLane; i++) {
    const int chunk = lane + 32 * i;
    if (kChunks % 32 != 0 && chunk >= kChunks) continue;
    load_numbers(shifts + chunk * kVector, shift[i]);
    load_numbers(scales + chunk * kVector, scale[i]);
  }

  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kPerLane; i++) {
#pragma unroll
    for (int k = 0; k < kVector; k++) sum += values[i][k];
  }
  const float mean = warp_sum(sum) / kWidth;

  // A second sweep for the variance: the row is in registers, and the mean of squares would cancel.
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < kPerLane; i++) {
    const bool present = kChunks % 32 == 0 || lane + 32 * i < kChunks;
#pragma unroll
    for (int k = 0; k < kVector; k++) {
      values[i][k] = present ? values[i][k] - mean : 0.0f;
      squares = fmaf(values[i][k], values[i][k], squares);
    }
  }
  const float factor = 1.0f / sqrtf(warp_sum(squares) / kWidth + epsilon);

#if ENG_QUANTISED
  float greatest = 0.0f, length = 0.0f;
#pragma unroll
  for (int i = 0; i < kPerLane; i++) {
    if (kChunks % 32 != 0 && lane + 32 * i >= kChunks) continue;
#pragma unroll
    for (int k = 0; k < kVector; k++) {
      values[i][k] = fmaf(values[i][k] * factor, 1.0f + scale[i][k], shift[i][k]);
      greatest = fmaxf(greatest, fabsf(values[i][k]));
      length = fmaf(values[i][k], values[i][k], length);
    }
  }
  greatest = warp_max(greatest);
  length = sqrtf(warp_sum(length));
  const float row_scale = greatest > 0.0f ? greatest / greatest_float8 : 1.0f, shrink = 1.0f / row_scale;
  if (lane == 0) {
    row_scales[row] = row_scale;
    // Rounding may lengthen a row by a sixteenth.
    if (bounds) bounds[row] = fmaf(1.0625f * length, weight_norm, greatest_bias) / greatest_float8;
  }
#pragma unroll
  for (int i = 0; i < kPerLane; i++) {
    const int chunk = lane + 32 * i;
    if (kChunks % 32 != 0 && chunk >= kChunks) continue;
#pragma unroll
    for (int k = 0; k < kVector; k++) values[i][k] *= shrink;
    store_numbers(y + chunk * kVector, values[i]);
  }
#else
#pragma unroll
  for (int i = 0; i < kPerLane; i++) {
    const int chunk = lane + 32 * i;
    if (kChunks % 32 != 0 && chunk >= kChunks) continue;
    float result[kVector];
#pragma unroll
    for (int k = 0; k < kVector; k++) result[k] = fmaf(values[i][k] * factor, 1.0f + scale[i][k], shift[i][k]);
    store_numbers(y + chunk * kVector, result);
  }
#endif
}
