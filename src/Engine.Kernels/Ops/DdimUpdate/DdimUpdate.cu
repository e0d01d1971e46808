// The sampler's two kernels, on latents in token order [frames * tokens, patch * patch * channels], so that nothing is rearranged between denoising steps.
//
// ddim_update: x <- X x + V v + Previous p, in place, and the same as ENG_INPUT (bfloat16 or float) where the network reads it. ddim_begin: x <- standard normal numbers of the
// frame's own key (as Philox.FillNormal draws them for [height, width, channels]), and the same as ENG_INPUT.
// Four neighbours a thread where a run of patch * channels is a multiple of 4; bound by latency for one environment. Budget: 40 registers, no shared memory.
#include "engine_patch.cuh"

using namespace engine;

ENGINE_KERNEL_BOUNDS(ddim_update, patch_threads, 1, (
    float* x, int x_stride, const float* v, const float* previous, int previous_stride, int rows, float factor_x, float factor_v, float factor_previous,
    ENG_INPUT* input, int input_stride)) {
  constexpr int chunks = patch_numbers / patch_vector;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * patch_threads + threadIdx.x, row = at / chunks;
  const int column = static_cast<int>(at % chunks) * patch_vector;
  if (row >= rows) return;
  float noisy[patch_vector], output[patch_vector], before[patch_vector] = {};
  load_numbers(x + row * x_stride + column, noisy);
  load_numbers(v + row * patch_numbers + column, output);
  if (previous) load_numbers(previous + row * previous_stride + column, before);
#pragma unroll
  for (int k = 0; k < patch_vector; k++) {
    noisy[k] = fmaf(factor_x, noisy[k], factor_v * output[k]);
    if (previous) noisy[k] = fmaf(factor_previous, before[k], noisy[k]);
  }
  store_numbers(x + row * x_stride + column, noisy);
  if (input) store_numbers(input + row * input_stride + column, noisy);
}

ENGINE_KERNEL_BOUNDS(ddim_begin, patch_threads, 1, (
    const uint32_t* keys, int frames, uint32_t seed_low, uint32_t seed_high, uint32_t stream, float* x, int x_stride, ENG_INPUT* input, int input_stride)) {
  const patch_place at = patch_place::of_thread(frames);
  if (!at.present) return;
  const uint32_t* own = keys + 3 * at.frame;
  const philox_key key{seed_low, seed_high, stream, own[0], own[1], own[2]};
  float normals[4], noise[patch_vector];
  philox_normals(key, philox_stream(key), at.latent / 4, normals);
#pragma unroll
  for (int k = 0; k < patch_vector; k++) noise[k] = patch_vector == 4 ? normals[k] : at.latent % 4 == 0 ? normals[0] : at.latent % 4 == 1 ? normals[1] : at.latent % 4 == 2 ? normals[2] : normals[3];
  store_numbers(x + at.row * x_stride + at.column, noise);
  if (input) store_numbers(input + at.row * input_stride + at.column, noise);
}
