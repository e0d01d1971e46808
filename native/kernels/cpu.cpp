// Compiled for any x86-64: what is asked before anything newer may run.
#include "eng_kernels.h"

extern "C" {

int32_t eng_kernels_abi_version(void) { return ENG_KERNELS_ABI_VERSION; }

int32_t eng_kernels_has_bf16(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}
}
