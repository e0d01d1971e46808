// What takes an instruction of the GPU by name: conversions, asynchronous copies, matrix operations, barriers, wide accesses. emulation/ptx.h stands for it on the CPU. Part of engine_device.cuh.
#pragma once

namespace engine {

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

}  // namespace engine
