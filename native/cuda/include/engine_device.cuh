// What every kernel of Engine includes: storage types, conversions, warp and block primitives, asynchronous copies, tensor-core operations, random numbers.
//
// Two compilers read a kernel. NVRTC, which has no headers of the toolkit: everything that needs one stands here as PTX (sm_80 and newer). And g++ with
// -DENGINE_EMULATE, which makes a library that runs the same source on the CPU (engine_emulation.h); engine_emulation_ptx.h then stands for the PTX.
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

namespace engine {

// ---- Storage ---------------------------------------------------------------------------------------------------------------

/// Upper half of a float.
struct bfloat16 { uint16_t bits; };

/// IEEE binary16.
struct half16 { uint16_t bits; };

/// FP8: four bits of exponent, three of mantissa, no infinities (conversion clamps to ±448).
struct float8 { uint8_t bits; };

ENGINE_DEVICE float to_float(float x) { return x; }
ENGINE_DEVICE float to_float(bfloat16 x) { return __uint_as_float(static_cast<uint32_t>(x.bits) << 16); }
ENGINE_DEVICE float low_bfloat16(uint32_t pair) { return __uint_as_float(pair << 16); }
ENGINE_DEVICE float high_bfloat16(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

#if !defined(ENGINE_EMULATE)

ENGINE_DEVICE float to_float(half16 x) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
  return result;
}

ENGINE_DEVICE bfloat16 to_bfloat16(float x) {
  bfloat16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
  return result;
}

ENGINE_DEVICE half16 to_half16(float x) {
  half16 result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
  return result;
}

/// Two numbers in a word, the first in the low half: how matrix fragments hold neighbours.
ENGINE_DEVICE uint32_t pack_bfloat16(float low, float high) {
  uint32_t result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}

ENGINE_DEVICE uint32_t pack_half16(float low, float high) {
  uint32_t result;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}

#if ENGINE_HAS_FLOAT8
/// Two e4m3 numbers, the first in the low byte.
ENGINE_DEVICE uint16_t pack_float8(float low, float high) {
  uint16_t result;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(result) : "f"(high), "f"(low));
  return result;
}

ENGINE_DEVICE float to_float(float8 x) {
  uint32_t pair;
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(pair) : "h"(static_cast<uint16_t>(x.bits)));
  return to_float(half16{static_cast<uint16_t>(pair)});
}

ENGINE_DEVICE float8 to_float8(float x) { return float8{static_cast<uint8_t>(pack_float8(x, 0.0f))}; }
#endif

// ---- Arithmetic ------------------------------------------------------------------------------------------------------------

/// 2^x to 2 ulp; denormal results are zero.
ENGINE_DEVICE float exp2_fast(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

/// 1 / x to 1 ulp.
ENGINE_DEVICE float reciprocal_fast(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// ---- Asynchronous copies ---------------------------------------------------------------------------------------------------

ENGINE_DEVICE uint32_t shared_address(const void* shared) { return static_cast<uint32_t>(__cvta_generic_to_shared(shared)); }

/// Begins to copy 16 bytes past the registers and the first-level cache; both addresses are multiples of 16.
ENGINE_DEVICE void copy_async_16(void* shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)), "l"(global) : "memory");
}

/// The same where `valid`; writes 16 zero bytes and does not read otherwise.
ENGINE_DEVICE void copy_async_16_or_zero(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
}

/// Makes a group of the copies begun since the last commit.
ENGINE_DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most `left` of this thread's newest groups are unfinished. Other threads see the copies after a barrier.
template <int left>
ENGINE_DEVICE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

// ---- Matrix operations -----------------------------------------------------------------------------------------------------
// Of 8 × 8 matrices of 16-bit numbers lane l holds row l / 4, columns 2 (l % 4) and + 1; transposed: column l / 4, rows likewise.
// A lane gives the address of a row of 16 bytes: lanes 0–7 of the first matrix, 8–15 of the second, and so on; addresses are multiples of 16.

ENGINE_DEVICE void load_matrix_x1(uint32_t (&m)[1], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(m[0]) : "r"(shared_address(row)) : "memory");
}

ENGINE_DEVICE void load_matrix_x2(uint32_t (&m)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(m[0]), "=r"(m[1]) : "r"(shared_address(row)) : "memory");
}

ENGINE_DEVICE void load_matrix_x4(uint32_t (&m)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
               : "r"(shared_address(row))
               : "memory");
}

ENGINE_DEVICE void load_matrix_x1_transposed(uint32_t (&m)[1], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(m[0]) : "r"(shared_address(row)) : "memory");
}

ENGINE_DEVICE void load_matrix_x2_transposed(uint32_t (&m)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];" : "=r"(m[0]), "=r"(m[1]) : "r"(shared_address(row)) : "memory");
}

ENGINE_DEVICE void load_matrix_x4_transposed(uint32_t (&m)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
               : "r"(shared_address(row))
               : "memory");
}

// d += a · b with a [16, 16] by rows, b [16, 8] by columns, d [16, 8]. With g = lane / 4 and t = lane % 4: a0 row g, columns 2t and + 1; a1 row g + 8; a2, a3 the
// same at columns + 8. b0 rows 2t and + 1 of column g; b1 rows + 8. d0, d1 row g, columns 2t and + 1; d2, d3 row g + 8.

ENGINE_DEVICE void multiply_add_bfloat16(float (&d)[4], const uint32_t (&a)[4], const uint32_t b0, const uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

ENGINE_DEVICE void multiply_add_half16(float (&d)[4], const uint32_t (&a)[4], const uint32_t b0, const uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#if ENGINE_HAS_FLOAT8
/// The same with four bytes in a word: a [16, 32], b [32, 8]; a0 row g, columns 4t … 4t + 3; a2, a3 at columns + 16; b1 at rows + 16.
ENGINE_DEVICE void multiply_add_float8(float (&d)[4], const uint32_t (&a)[4], const uint32_t b0, const uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#endif

/// Waits for `threads` threads of the block (a multiple of 32) at barrier `id` (1 … 15; __syncthreads is barrier 0).
ENGINE_DEVICE void named_barrier(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }

/// 16 bytes, at an address that is a multiple of 16.
ENGINE_DEVICE uint4 load_16(const void* from) { return *static_cast<const uint4*>(from); }
ENGINE_DEVICE void store_16(void* to, uint4 value) { *static_cast<uint4*>(to) = value; }

/// 8 bytes, likewise.
ENGINE_DEVICE uint2 load_8(const void* from) { return *static_cast<const uint2*>(from); }
ENGINE_DEVICE void store_8(void* to, uint2 value) { *static_cast<uint2*>(to) = value; }

/// The same for memory that is read or written once: it leaves the caches first.
ENGINE_DEVICE uint4 load_16_once(const void* from) { return __ldcs(static_cast<const uint4*>(from)); }
ENGINE_DEVICE void store_16_once(void* to, uint4 value) { __stcs(static_cast<uint4*>(to), value); }

#else
}  // namespace engine
#include "engine_emulation_ptx.h"
namespace engine {
#endif

// ---- Neighbouring numbers --------------------------------------------------------------------------------------------------

ENGINE_DEVICE void unpack(uint4 v, float (&x)[4]) {
  x[0] = __uint_as_float(v.x);
  x[1] = __uint_as_float(v.y);
  x[2] = __uint_as_float(v.z);
  x[3] = __uint_as_float(v.w);
}

ENGINE_DEVICE void unpack(uint2 v, float (&x)[4]) {
  x[0] = low_bfloat16(v.x);
  x[1] = high_bfloat16(v.x);
  x[2] = low_bfloat16(v.y);
  x[3] = high_bfloat16(v.y);
}

ENGINE_DEVICE void unpack(uint4 v, float (&x)[8]) {
  const uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    x[2 * i] = low_bfloat16(words[i]);
    x[2 * i + 1] = high_bfloat16(words[i]);
  }
}

ENGINE_DEVICE uint4 pack(const float (&x)[8]) {
  return make_uint4(pack_bfloat16(x[0], x[1]), pack_bfloat16(x[2], x[3]), pack_bfloat16(x[4], x[5]), pack_bfloat16(x[6], x[7]));
}

/// One, four or eight neighbours as floats, in one access where that is possible; the address of several is a multiple of their size up to 16 bytes.
ENGINE_DEVICE void load_numbers(const float* from, float (&x)[1]) { x[0] = *from; }
ENGINE_DEVICE void load_numbers(const bfloat16* from, float (&x)[1]) { x[0] = to_float(*from); }
ENGINE_DEVICE void load_numbers(const float* from, float (&x)[4]) { unpack(load_16(from), x); }
ENGINE_DEVICE void load_numbers(const bfloat16* from, float (&x)[4]) { unpack(load_8(from), x); }
ENGINE_DEVICE void load_numbers(const bfloat16* from, float (&x)[8]) { unpack(load_16(from), x); }

ENGINE_DEVICE void load_numbers(const float* from, float (&x)[8]) {
  float first[4], second[4];
  unpack(load_16(from), first);
  unpack(load_16(from + 4), second);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    x[i] = first[i];
    x[4 + i] = second[i];
  }
}

ENGINE_DEVICE void store_numbers(float* to, const float (&x)[1]) { *to = x[0]; }
ENGINE_DEVICE void store_numbers(bfloat16* to, const float (&x)[1]) { *to = to_bfloat16(x[0]); }
ENGINE_DEVICE uint4 as_bits(float a, float b, float c, float d) { return make_uint4(__float_as_uint(a), __float_as_uint(b), __float_as_uint(c), __float_as_uint(d)); }
ENGINE_DEVICE void store_numbers(float* to, const float (&x)[4]) { store_16(to, as_bits(x[0], x[1], x[2], x[3])); }
ENGINE_DEVICE void store_numbers(bfloat16* to, const float (&x)[4]) { store_8(to, make_uint2(pack_bfloat16(x[0], x[1]), pack_bfloat16(x[2], x[3]))); }
ENGINE_DEVICE void store_numbers(bfloat16* to, const float (&x)[8]) { store_16(to, pack(x)); }

ENGINE_DEVICE void store_numbers(float* to, const float (&x)[8]) {
  store_16(to, as_bits(x[0], x[1], x[2], x[3]));
  store_16(to + 4, as_bits(x[4], x[5], x[6], x[7]));
}

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

// ---- Random numbers --------------------------------------------------------------------------------------------------------
// Philox 4×32-10 (Salmon et al., SC 2011) and Box–Muller with the counters, keys and roundings of Ops/Philox/Philox.cs: the same noise to a float's last bits.

/// Names a stream: see PhiloxKey.
struct philox_key {
  uint32_t seed_low, seed_high, stream, environment, episode, step;
};

ENGINE_DEVICE uint4 philox_rounds(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1) {
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint32_t high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0, high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return make_uint4(c0, c1, c2, c3);
}

/// The two words that a stream's own block makes of seed and stream; once for many blocks.
ENGINE_DEVICE uint2 philox_stream(const philox_key& key) {
  const uint4 words = philox_rounds(key.stream, 0, 0, 0, key.seed_low, key.seed_high);
  return make_uint2(words.x, words.y);
}

ENGINE_DEVICE uint4 philox_block(const philox_key& key, uint2 stream, uint32_t index) {
  return philox_rounds(index, key.step, key.episode, key.environment, stream.x, stream.y);
}

/// (0, 1): the middle of one of 2^24 cells.
ENGINE_DEVICE float to_uniform(uint32_t word) { return (static_cast<float>(word >> 8) + 0.5f) * (1.0f / (1 << 24)); }

/// Cosine and sine of an angle in [0, 2π] to an ulp; unlike sincosf without the slow path for great angles, which takes a stack.
ENGINE_DEVICE void sine_and_cosine(float angle, float& sine, float& cosine) {
  const float quarters = rintf(angle * 0.636619772367581f);
  float x = fmaf(quarters, -1.57079637050628662f, angle);
  x = fmaf(quarters, 4.37113882867379e-8f, x);
  const float z = x * x;
  const float s = fmaf(x * z, fmaf(z, fmaf(z, -1.9515295891e-4f, 8.3321608736e-3f), -1.6666654611e-1f), x);
  const float c = fmaf(z * z, fmaf(z, fmaf(z, 2.443315711809948e-5f, -1.388731625493765e-3f), 4.166664568298827e-2f), fmaf(z, -0.5f, 1.0f));
  const int quarter = static_cast<int>(quarters) & 3;
  sine = quarter & 1 ? c : s;
  cosine = quarter & 1 ? s : c;
  if (quarter & 2) sine = -sine;
  if (quarter == 1 || quarter == 2) cosine = -cosine;
}

ENGINE_DEVICE float2 to_normals(uint32_t a, uint32_t b) {
  const float radius = sqrtf(-2.0f * logf(to_uniform(a)));
  float sine, cosine;
  sine_and_cosine(6.28318530717958648f * to_uniform(b), sine, cosine);
  return make_float2(radius * cosine, radius * sine);
}

/// Numbers 4·index … 4·index + 3 of the stream's standard normals.
ENGINE_DEVICE void philox_normals(const philox_key& key, uint2 stream, uint32_t index, float (&x)[4]) {
  const uint4 words = philox_block(key, stream, index);
  const float2 first = to_normals(words.x, words.y), second = to_normals(words.z, words.w);
  x[0] = first.x;
  x[1] = first.y;
  x[2] = second.x;
  x[3] = second.y;
}

}  // namespace engine
