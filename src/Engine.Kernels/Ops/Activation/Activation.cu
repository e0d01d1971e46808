// destination[i] = f(source[i]), float32 or bfloat16 on either side. Eight neighbours a thread; bound by memory. Budget: 40 registers, no shared memory.
#include "engine_device.cuh"

using namespace engine;

constexpr int kThreads = 256;

ENGINE_DEVICE float f(float x) {
#if ENG_FUNCTION == 0
  return x;
#elif ENG_FUNCTION == 1
  return gelu_tanh(x);
#elif ENG_FUNCTION == 2
  return silu(x);
#elif ENG_FUNCTION == 3
  return expf(fminf(fmaxf(x, -86.0f), 88.37f));
#else
  return tanhf(x);
#endif
}

ENGINE_KERNEL_BOUNDS(activate, kThreads, 1, (const ENG_SOURCE* source, ENG_DESTINATION* destination, int64_t count)) {
  const int64_t first = 8 * (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x);
  if (first + 8 <= count) {
    float x[8];
    load_numbers(source + first, x);
#pragma unroll
    for (int i = 0; i < 8; i++) x[i] = f(x[i]);
    store_numbers(destination + first, x);
    return;
  }
  for (int64_t i = first; i < count; i++) {
    float x[1];
    load_numbers(source + i, x);
    x[0] = f(x[0]);
    store_numbers(destination + i, x);
  }
}
