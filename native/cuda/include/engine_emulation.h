// Runs a kernel source on the CPU: g++ -std=c++17 -O1 -ffp-contract=off -fPIC -shared -fvisibility=hidden -Wno-unknown-pragmas -DENGINE_EMULATE -x c++ Kernel.cu
// makes a library that exports the three functions at the end. For correctness, not for speed.
//
// The threads of a block are fibers of the calling thread; blocks run one after another. Barriers, shuffles, votes, ldmatrix and mma are places where fibers wait
// for each other: the last to come does the operation for all. Three orders of fibers and blocks show what a missing barrier hides: in ascending order a
// warp runs as far as it can before the next begins, descending is the contrary, shuffled mixes warps step by step. Asynchronous copies happen at their wait in
// ascending order, at once in descending order, and by chance in shuffled order. Shared memory is filled with bytes of 0xFF (NaN in every type) for every
// block, with guard zones behind each array; what is not reported as an error is then a NaN in the result.
// A block must not wait for another block, and a kernel's local objects must not need destructors.
#pragma once

#include <sched.h>
#include <sys/mman.h>

#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

// Fibers change stacks by a few instructions where they are known, else by the C library (ENGINE_UCONTEXT asks for that).
#if defined(__x86_64__) && !defined(ENGINE_UCONTEXT)
#define ENGINE_OWN_SWITCH 1
#else
#define ENGINE_OWN_SWITCH 0
#include <ucontext.h>
#endif

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct alignas(8) uint2 { unsigned x, y; };
struct uint3 { unsigned x, y, z; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

#pragma GCC visibility push(hidden)

#include "emulation/fibers.h"
#include "emulation/shared_memory.h"
#include "emulation/rendezvous.h"
#include "emulation/launch.h"
#include "emulation/warp.h"

// ---- What CUDA declares ----------------------------------------------------------------------------------------------------

#define threadIdx (::emulation::current->thread)
#define blockIdx (::emulation::block_index)
#define blockDim (::emulation::block_dimension)
#define gridDim (::emulation::grid_dimension)

#define ENGINE_KERNEL(name, parameters) ENGINE_KERNEL_BOUNDS(name, ::emulation::most_threads, 1, parameters)
#define ENGINE_KERNEL_BOUNDS(name, threads, blocks, parameters) \
  static void name parameters; \
  static ::emulation::registration engine_registration_##name(#name, &::emulation::caller<decltype(name), &name>::call, threads); \
  static void name parameters
#define ENGINE_SHARED(type, name, count) const auto name = ::emulation::declare_shared<type>(__PRETTY_FUNCTION__, __LINE__, count)
#define ENGINE_DYNAMIC_SHARED(type, name) const auto name = ::emulation::dynamic_shared<type>()
#define ENGINE_CHECK(condition) ((condition) ? (void)0 : ::emulation::fail("line %d: %s does not hold", __LINE__, #condition))
#define ENGINE_PLACE_PARAMETERS const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(ENGINE_PLACE_PARAMETERS) { emulation::block_barrier({"__syncthreads", file, line}); }
inline void __syncwarp(unsigned mask = 0xffffffffu, ENGINE_PLACE_PARAMETERS) { emulation::warp_operation(mask, &emulation::resolve_nothing, nullptr, {"__syncwarp", file, line}); }
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, ENGINE_PLACE_PARAMETERS) {
  return emulation::shuffle_lanes<T, emulation::shuffle_kind::index>(mask, value, lane, width, {"__shfl_sync", file, line});
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, ENGINE_PLACE_PARAMETERS) {
  return emulation::shuffle_lanes<T, emulation::shuffle_kind::up>(mask, value, static_cast<int>(delta), width, {"__shfl_up_sync", file, line});
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, ENGINE_PLACE_PARAMETERS) {
  return emulation::shuffle_lanes<T, emulation::shuffle_kind::down>(mask, value, static_cast<int>(delta), width, {"__shfl_down_sync", file, line});
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, ENGINE_PLACE_PARAMETERS) {
  return emulation::shuffle_lanes<T, emulation::shuffle_kind::exclusive_or>(mask, value, lanes, width, {"__shfl_xor_sync", file, line});
}

inline unsigned __ballot_sync(unsigned mask, int value, ENGINE_PLACE_PARAMETERS) { return emulation::vote(mask, value != 0, {"__ballot_sync", file, line}); }
inline int __any_sync(unsigned mask, int value, ENGINE_PLACE_PARAMETERS) { return emulation::vote(mask, value != 0, {"__any_sync", file, line}) != 0; }
inline int __all_sync(unsigned mask, int value, ENGINE_PLACE_PARAMETERS) { return emulation::vote(mask, value != 0, {"__all_sync", file, line}) == mask; }

inline float __uint_as_float(unsigned x) {
  float result;
  memcpy(&result, &x, 4);
  return result;
}

inline unsigned __float_as_uint(float x) {
  unsigned result;
  memcpy(&result, &x, 4);
  return result;
}

inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
inline int __ffs(unsigned x) { return __builtin_ffs(static_cast<int>(x)); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

template <class T>
T __ldg(const T* from) { return *from; }

template <class T>
T atomicAdd(T* to, T value) {
  T before = *to;
  *to = before + value;
  return before;
}

template <class T>
T atomicMax(T* to, T value) {
  T before = *to;
  if (value > before) *to = value;
  return before;
}

template <class T>
T atomicOr(T* to, T value) {
  T before = *to;
  *to = before | value;
  return before;
}

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long long min(long long a, long long b) { return a < b ? a : b; }
inline long long max(long long a, long long b) { return a > b ? a : b; }

#pragma GCC visibility pop

extern "C" {

/// Runs a kernel of this library to its end on the calling thread. Arguments as cuLaunchKernel takes them; device pointers are host pointers. 0, or not 0 with
/// eng_emulate_error. Calls of several threads take turns.
__attribute__((visibility("default"), used)) int32_t eng_emulate_launch(
    const char* function, const uint32_t grid[3], const uint32_t block[3], uint32_t dynamic_shared_bytes, void** args) {
  while (__atomic_test_and_set(&emulation::launch_lock, __ATOMIC_ACQUIRE)) sched_yield();
  int32_t status = emulation::launch(function, grid, block, dynamic_shared_bytes, args);
  __atomic_clear(&emulation::launch_lock, __ATOMIC_RELEASE);
  return status;
}

/// What went wrong in the calling thread's last launch: kernel, block, thread, cause; empty when nothing did.
__attribute__((visibility("default"), used)) const char* eng_emulate_error(void) { return emulation::error_text; }

/// The order of fibers and blocks in the calling thread's launches: 0 ascending, 1 descending, 2 shuffled by `seed`.
__attribute__((visibility("default"), used)) void eng_emulate_order(int32_t mode, uint64_t seed) {
  emulation::order_mode = mode;
  emulation::order_seed = seed;
}

}  // extern "C"
