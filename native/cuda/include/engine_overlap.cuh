// Kernels that begin before the one before them in their stream has ended (programmatic dependent launch, sm_90 and newer; host: CudaKernel.Overlaps). Such a kernel calls
// wait_for_previous_kernel() in every thread before it reads what earlier kernels wrote or writes what they read, and let_next_kernel_begin() behind that, so that whatever ended before the
// previous kernel began is over and visible to the next one from its start: weights, for one. Without such a launch, and on older devices, both do nothing.
#pragma once

#include "engine_device.cuh"

namespace engine {

ENGINE_DEVICE void wait_for_previous_kernel() {
#if !defined(ENGINE_EMULATE) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

ENGINE_DEVICE void let_next_kernel_begin() {
#if !defined(ENGINE_EMULATE) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

}  // namespace engine
