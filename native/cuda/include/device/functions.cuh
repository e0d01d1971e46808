// Elementwise functions and reductions. Part of engine_device.cuh.
#pragma once

namespace engine {

// ---- Functions -------------------------------------------------------------------------------------------------------------

constexpr float log2_e = 1.44269504088896341f;

/// 1 / (1 + e^−x) to a few ulp.
ENGINE_DEVICE float sigmoid(float x) { return reciprocal_fast(1.0f + exp2_fast(-log2_e * x)); }

ENGINE_DEVICE float silu(float x) { return x * sigmoid(x); }

/// ½x(1 + tanh(√(2/π)(x + 0.044715x³))), which is x·σ(2√(2/π)(x + 0.044715x³)).
ENGINE_DEVICE float gelu_tanh(float x) { return x * sigmoid(x * fmaf(0.0713548162726f, x * x, 1.5957691216057308f)); }

/// Turns four interleaved pairs by four angles, given as cosine and sine by turns: (a, b) -> (a cos - b sin, b cos + a sin).
ENGINE_DEVICE void rotate(float (&x)[8], const float (&turn)[8]) {
#pragma unroll
  for (int k = 0; k < 8; k += 2) {
    const float a = x[k], b = x[k + 1];
    x[k] = a * turn[k] - b * turn[k + 1];
    x[k + 1] = b * turn[k] + a * turn[k + 1];
  }
}

// ---- Reductions ------------------------------------------------------------------------------------------------------------

/// Sum over `width` neighbouring lanes (a power of two), in all of them, in the same order whatever the lane.
template <int width = 32>
ENGINE_DEVICE float warp_sum(float x) {
#pragma unroll
  for (int offset = width / 2; offset > 0; offset /= 2) x += __shfl_xor_sync(ENGINE_FULL_WARP, x, offset);
  return x;
}

template <int width = 32>
ENGINE_DEVICE float warp_max(float x) {
#pragma unroll
  for (int offset = width / 2; offset > 0; offset /= 2) x = fmaxf(x, __shfl_xor_sync(ENGINE_FULL_WARP, x, offset));
  return x;
}

/// Sum over a block of `threads` threads, in all of them; `scratch` holds threads / 32 floats of shared memory, which no thread may still be reading or writing.
template <int threads>
ENGINE_DEVICE float block_sum(float x, float* scratch) {
  x = warp_sum(x);
  if (threads == 32) return x;
  const int thread = threadIdx.x;
  if (thread % 32 == 0) scratch[thread / 32] = x;
  __syncthreads();
  float total = 0.0f;
#pragma unroll
  for (int i = 0; i < threads / 32; i++) total += scratch[i];
  return total;
}

}  // namespace engine
