// What `doctor` runs to see that compiler, driver and device work together.
#include "engine_device.cuh"

// y[i] = scale · x[i] + offset, i < count.
ENGINE_KERNEL_BOUNDS(probe, ENGINE_THREADS, 1, (const float* x, float* y, float scale, float offset, int count)) {
  const int i = blockIdx.x * ENGINE_THREADS + threadIdx.x;
  if (i < count) y[i] = fmaf(scale, x[i], offset);
}
