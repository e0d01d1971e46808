// What every kernel of Engine includes: storage types, conversions, warp and block primitives, asynchronous copies, tensor-core operations, random numbers.
//
// Two compilers read a kernel. NVRTC, which has no headers of the toolkit: everything that needs one stands in device/ptx.cuh (sm_80 and newer). And
// g++ with -DENGINE_EMULATE, which makes a library that runs the same source on the CPU (engine_emulation.h); emulation/ptx.h then stands for the PTX.
// Names and layouts are the PTX ISA's ("Warp Level Matrix Instructions", "Data Movement and Conversion Instructions: cp.async").
#pragma once

#if defined(ENGINE_EMULATE)
#include "engine_emulation.h"
#define ENGINE_HAS_FLOAT8 1
#else
#define ENGINE_HAS_FLOAT8 (__CUDA_ARCH__ >= 890)

typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;

// A kernel is declared by ENGINE_KERNEL(name, (parameters)) { … }, or with what __launch_bounds__ takes: most threads in a block, least blocks on a multiprocessor.
#define ENGINE_KERNEL(name, parameters) extern "C" __global__ void name parameters
#define ENGINE_KERNEL_BOUNDS(name, threads, blocks, parameters) extern "C" __global__ void __launch_bounds__(threads, blocks) name parameters

// Shared memory: an array of known size, and the launch's dynamic bytes as an array of `type` (one name for each function).
#define ENGINE_SHARED(type, name, count) __shared__ __align__(128) type name[count]
#define ENGINE_DYNAMIC_SHARED(type, name) \
  extern __shared__ __align__(128) unsigned char engine_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(engine_dynamic_shared)

// Checked on the CPU only.
#define ENGINE_CHECK(condition)

#endif

#define ENGINE_DEVICE __device__ __forceinline__
#define ENGINE_FULL_WARP 0xffffffffu

#include "device/storage.cuh"

#if defined(ENGINE_EMULATE)
#include "emulation/ptx.h"
#else
#include "device/ptx.cuh"
#endif

#include "device/functions.cuh"
#include "device/numbers.cuh"
#include "device/random.cuh"
