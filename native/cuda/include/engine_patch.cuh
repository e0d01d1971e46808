// Which number of a frame of latents a thread has, and where that stands among the tokens: for kernels specialised to ENG_HEIGHT, ENG_WIDTH, ENG_CHANNELS, ENG_PATCH.
#pragma once

#include "engine_device.cuh"

namespace engine {

constexpr int frame_numbers = ENG_HEIGHT * ENG_WIDTH * ENG_CHANNELS, patch_run = ENG_PATCH * ENG_CHANNELS, patch_numbers = ENG_PATCH * patch_run;
constexpr int patch_columns = ENG_WIDTH / ENG_PATCH, frame_tokens = ENG_HEIGHT / ENG_PATCH * patch_columns;
constexpr int patch_vector = patch_run % 4 == 0 ? 4 : 1, patch_threads = 256;
static_assert(ENG_HEIGHT % ENG_PATCH == 0 && ENG_WIDTH % ENG_PATCH == 0, "a frame is a whole number of patches");

struct patch_place {
  bool present;
  int frame;
  /// Number of the first in its frame [height, width, channels]; a multiple of patch_vector.
  int latent;
  /// Row among all tokens, and the number in it.
  int64_t row;
  int column;

  static ENGINE_DEVICE patch_place of_thread(int frames) {
    const int64_t at = (static_cast<int64_t>(blockIdx.x) * patch_threads + threadIdx.x) * patch_vector;
    patch_place place;
    place.frame = static_cast<int>(at / frame_numbers);
    place.present = place.frame < frames;
    place.latent = static_cast<int>(at % frame_numbers);
    const int y = place.latent / (ENG_WIDTH * ENG_CHANNELS), along = place.latent % (ENG_WIDTH * ENG_CHANNELS);
    place.row = static_cast<int64_t>(place.frame) * frame_tokens + y / ENG_PATCH * patch_columns + along / patch_run;
    place.column = y % ENG_PATCH * patch_run + along % patch_run;
    return place;
  }
};

}  // namespace engine
