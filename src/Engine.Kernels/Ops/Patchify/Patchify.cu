// Frames of latents [height, width, channels] to tokens [frames * height / patch * width / patch, patch * patch * channels] and back: copies of runs of
// patch * channels numbers. A frame is named by its index in a buffer of many; to_tokens takes an index below 0 for a frame of zeros.
//
// Four neighbours a thread where a run is a multiple of 4. Bound by memory, and for few frames by latency. Budget: 40 registers, no shared memory.
#include "engine_device.cuh"
#include "engine_patch.cuh"

using namespace engine;

ENGINE_KERNEL_BOUNDS(to_tokens, patch_threads, 1, (const float* latents, const int* indices, int frames, float scale, ENG_TOKEN* tokens, int stride)) {
  const patch_place at = patch_place::of_thread(frames);
  if (!at.present) return;
  const int index = indices ? indices[at.frame] : at.frame;
  float x[patch_vector] = {};
  if (index >= 0) load_numbers(latents + static_cast<int64_t>(index) * frame_numbers + at.latent, x);
#pragma unroll
  for (int k = 0; k < patch_vector; k++) x[k] *= scale;
  store_numbers(tokens + at.row * stride + at.column, x);
}

ENGINE_KERNEL_BOUNDS(from_tokens, patch_threads, 1, (const ENG_TOKEN* tokens, int stride, const int* indices, int frames, float* latents)) {
  const patch_place at = patch_place::of_thread(frames);
  if (!at.present) return;
  const int index = indices ? indices[at.frame] : at.frame;
  float x[patch_vector];
  load_numbers(tokens + at.row * stride + at.column, x);
  store_numbers(latents + static_cast<int64_t>(index) * frame_numbers + at.latent, x);
}
