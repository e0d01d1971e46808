// The part of engine_device.cuh that is PTX, for engine_emulation.h: conversions and matrix operations as the PTX ISA defines them, computed plainly.
#pragma once

namespace engine {

/// Round to nearest, ties to even, of a float to a format with `exponent` and `mantissa` bits; what is too great becomes `over` (the bits of infinity or of the
/// greatest number), a NaN becomes `nan`.
template <int exponent, int mantissa>
uint32_t round_to(float x, uint32_t over, uint32_t greatest, uint32_t nan) {
  const uint32_t bits = __float_as_uint(x), sign = bits >> 31 << (exponent + mantissa);
  if (x != x) return nan;
  const float magnitude = fabsf(x);
  constexpr int bias = (1 << (exponent - 1)) - 1;
  int power = magnitude == 0.0f ? -bias : ilogbf(magnitude);
  if (power < 1 - bias) power = 1 - bias;
  if (magnitude == INFINITY) return sign | over;
  // In units of the last place; nearbyint rounds to even, and a carry runs into the exponent by itself.
  const double units = nearbyint(ldexp(static_cast<double>(magnitude), mantissa - power));
  const int64_t code = static_cast<int64_t>(units) + (static_cast<int64_t>(power + bias - 1) << mantissa);
  return sign | (code > static_cast<int64_t>(greatest) ? over : static_cast<uint32_t>(code));
}

/// The bits of a small format moved to a float's places; the factor corrects the exponent's bias, denormals included.
inline float from_half16(uint16_t bits) {
  const float magnitude = (bits & 0x7c00) == 0x7c00 ? (bits & 0x3ff ? NAN : INFINITY) : __uint_as_float((bits & 0x7fffu) << 13) * 0x1p112f;
  return bits >> 15 ? -magnitude : magnitude;
}

inline float from_float8(uint8_t bits) {
  const float magnitude = (bits & 127) == 127 ? NAN : __uint_as_float((bits & 127u) << 20) * 0x1p120f;
  return bits >> 7 ? -magnitude : magnitude;
}

inline bfloat16 to_bfloat16(float x) {
  const uint32_t bits = __float_as_uint(x);
  if (x != x) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16)};
}

inline float to_float(half16 x) { return from_half16(x.bits); }
inline float to_float(float8 x) { return from_float8(x.bits); }
inline half16 to_half16(float x) { return {static_cast<uint16_t>(round_to<5, 10>(x, 0x7c00, 0x7bff, 0x7fff))}; }
inline float8 to_float8(float x) { return {static_cast<uint8_t>(round_to<4, 3>(x, 0x7e, 0x7e, 0x7f))}; }
inline uint32_t pack_bfloat16(float low, float high) { return to_bfloat16(low).bits | static_cast<uint32_t>(to_bfloat16(high).bits) << 16; }
inline uint32_t pack_half16(float low, float high) { return to_half16(low).bits | static_cast<uint32_t>(to_half16(high).bits) << 16; }
inline uint16_t pack_float8(float low, float high) { return static_cast<uint16_t>(to_float8(low).bits | to_float8(high).bits << 8); }

inline float exp2_fast(float x) {
  const float result = exp2f(x);
  return result < 1.17549435e-38f ? 0.0f : result;
}

inline float reciprocal_fast(float x) { return 1.0f / x; }

inline void copy_async_16(void* shared, const void* global) { emulation::begin_copy(shared, global, true); }
inline void copy_async_16_or_zero(void* shared, const void* global, bool valid) { emulation::begin_copy(shared, global, valid); }
inline void copy_async_commit() { emulation::current->group++; }

template <int left>
void copy_async_wait() { emulation::finish_copies(*emulation::current, left); }

struct matrix_payload { const void* row; uint32_t* m; };

template <int count, bool transposed>
void resolve_load_matrix(void** payloads, uint32_t, int) {
  for (int k = 0; k < count; k++) {
    uint16_t tile[8][8];
    for (int row = 0; row < 8; row++) memcpy(tile[row], static_cast<matrix_payload*>(payloads[8 * k + row])->row, 16);
    for (int lane = 0; lane < 32; lane++) {
      const int a = lane / 4, b = lane % 4 * 2;
      const uint16_t low = transposed ? tile[b][a] : tile[a][b], high = transposed ? tile[b + 1][a] : tile[a][b + 1];
      static_cast<matrix_payload*>(payloads[lane])->m[k] = low | static_cast<uint32_t>(high) << 16;
    }
  }
}

template <int count, bool transposed>
void load_matrix(uint32_t* m, const void* row, emulation::place at) {
  // Only the lanes whose addresses count are checked: the others may give anything.
  if (emulation::current->index % 32 < 8 * count) emulation::check_shared(row, 16, 16, at.name);
  matrix_payload payload{row, m};
  emulation::warp_operation(0xffffffffu, &resolve_load_matrix<count, transposed>, &payload, at);
}

inline void load_matrix_x1(uint32_t (&m)[1], const void* row, ENGINE_PLACE_PARAMETERS) { load_matrix<1, false>(m, row, {"load_matrix_x1", file, line}); }
inline void load_matrix_x2(uint32_t (&m)[2], const void* row, ENGINE_PLACE_PARAMETERS) { load_matrix<2, false>(m, row, {"load_matrix_x2", file, line}); }
inline void load_matrix_x4(uint32_t (&m)[4], const void* row, ENGINE_PLACE_PARAMETERS) { load_matrix<4, false>(m, row, {"load_matrix_x4", file, line}); }
inline void load_matrix_x1_transposed(uint32_t (&m)[1], const void* row, ENGINE_PLACE_PARAMETERS) { load_matrix<1, true>(m, row, {"load_matrix_x1_transposed", file, line}); }
inline void load_matrix_x2_transposed(uint32_t (&m)[2], const void* row, ENGINE_PLACE_PARAMETERS) { load_matrix<2, true>(m, row, {"load_matrix_x2_transposed", file, line}); }
inline void load_matrix_x4_transposed(uint32_t (&m)[4], const void* row, ENGINE_PLACE_PARAMETERS) { load_matrix<4, true>(m, row, {"load_matrix_x4_transposed", file, line}); }

struct multiply_payload { float* d; const uint32_t* a; uint32_t b[2]; };

/// Number `index` of the two or four that a word holds.
template <class T>
float element_of(uint32_t word, int index);

template <>
inline float element_of<bfloat16>(uint32_t word, int index) { return index ? high_bfloat16(word) : low_bfloat16(word); }

template <>
inline float element_of<half16>(uint32_t word, int index) { return from_half16(static_cast<uint16_t>(word >> 16 * index)); }

template <>
inline float element_of<float8>(uint32_t word, int index) { return from_float8(static_cast<uint8_t>(word >> 8 * index)); }

/// The products are exact and their sum is rounded once; a tensor core keeps fewer bits of it, and not always the same.
template <class T>
void resolve_multiply_add(void** payloads, uint32_t, int) {
  constexpr int per_word = 4 / sizeof(T), half = 4 * per_word, depth = 2 * half;
  float a[16][depth], b[8][depth];
  for (int lane = 0; lane < 32; lane++) {
    const auto& p = *static_cast<multiply_payload*>(payloads[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int r = 0; r < 4; r++) {
      for (int i = 0; i < per_word; i++) a[g + r % 2 * 8][t * per_word + i + r / 2 * half] = element_of<T>(p.a[r], i);
    }
    for (int r = 0; r < 2; r++) {
      for (int i = 0; i < per_word; i++) b[g][t * per_word + i + r * half] = element_of<T>(p.b[r], i);
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    const auto& p = *static_cast<multiply_payload*>(payloads[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) {
      const float* row = a[g + i / 2 * 8];
      const float* column = b[t * 2 + i % 2];
      double sum = p.d[i];
      for (int k = 0; k < depth; k++) sum += static_cast<double>(row[k]) * column[k];
      p.d[i] = static_cast<float>(sum);
    }
  }
}

template <class T>
void multiply_add(float* d, const uint32_t* a, uint32_t b0, uint32_t b1, emulation::place at) {
  multiply_payload payload{d, a, {b0, b1}};
  emulation::warp_operation(0xffffffffu, &resolve_multiply_add<T>, &payload, at);
}

inline void multiply_add_bfloat16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, ENGINE_PLACE_PARAMETERS) {
  multiply_add<bfloat16>(d, a, b0, b1, {"multiply_add_bfloat16", file, line});
}

inline void multiply_add_half16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, ENGINE_PLACE_PARAMETERS) {
  multiply_add<half16>(d, a, b0, b1, {"multiply_add_half16", file, line});
}

inline void multiply_add_float8(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, ENGINE_PLACE_PARAMETERS) {
  multiply_add<float8>(d, a, b0, b1, {"multiply_add_float8", file, line});
}

inline void named_barrier(int id, int threads, ENGINE_PLACE_PARAMETERS) { emulation::named_barrier_at(id, threads, {"named_barrier", file, line}); }

inline uint4 load_16(const void* from) {
  emulation::check_global(from, 16, "load_16");
  return *static_cast<const uint4*>(from);
}

inline void store_16(void* to, uint4 value) {
  emulation::check_global(to, 16, "store_16");
  *static_cast<uint4*>(to) = value;
}

inline uint2 load_8(const void* from) {
  emulation::check_global(from, 8, "load_8");
  return *static_cast<const uint2*>(from);
}

inline void store_8(void* to, uint2 value) {
  emulation::check_global(to, 8, "store_8");
  *static_cast<uint2*>(to) = value;
}

inline uint4 load_16_once(const void* from) { return load_16(from); }
inline void store_16_once(void* to, uint4 value) { store_16(to, value); }

}  // namespace engine
