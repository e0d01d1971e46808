// Neighbouring numbers as floats, whatever they are stored as. Part of engine_device.cuh.
#pragma once

namespace engine {

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

#if ENGINE_HAS_FLOAT8
ENGINE_DEVICE void store_numbers(float8* to, const float (&x)[1]) { *to = to_float8(x[0]); }
ENGINE_DEVICE void store_numbers(float8* to, const float (&x)[4]) {
  *reinterpret_cast<uint32_t*>(to) = static_cast<uint32_t>(pack_float8(x[0], x[1])) | static_cast<uint32_t>(pack_float8(x[2], x[3])) << 16;
}
#endif

ENGINE_DEVICE void store_numbers(float* to, const float (&x)[8]) {
  store_16(to, as_bits(x[0], x[1], x[2], x[3]));
  store_16(to + 4, as_bits(x[4], x[5], x[6], x[7]));
}

/// Eight neighbours as they are stored: a row moves in them without being converted.
template <class number> struct eight_numbers;
template <> struct eight_numbers<bfloat16> { uint4 words; };
template <> struct eight_numbers<float> { uint4 first, second; };

ENGINE_DEVICE eight_numbers<bfloat16> load_eight(const bfloat16* from) { return {load_16(from)}; }
ENGINE_DEVICE eight_numbers<float> load_eight(const float* from) { return {load_16(from), load_16(from + 4)}; }
ENGINE_DEVICE void store_eight(bfloat16* to, const eight_numbers<bfloat16>& x) { store_16(to, x.words); }

ENGINE_DEVICE void store_eight(float* to, const eight_numbers<float>& x) {
  store_16(to, x.first);
  store_16(to + 4, x.second);
}

ENGINE_DEVICE void unpack(const eight_numbers<bfloat16>& v, float (&x)[8]) { unpack(v.words, x); }

ENGINE_DEVICE void unpack(const eight_numbers<float>& v, float (&x)[8]) {
  float first[4], second[4];
  unpack(v.first, first);
  unpack(v.second, second);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    x[i] = first[i];
    x[4 + i] = second[i];
  }
}

ENGINE_DEVICE void pack(const float (&x)[8], eight_numbers<bfloat16>& v) { v.words = pack(x); }

ENGINE_DEVICE void pack(const float (&x)[8], eight_numbers<float>& v) {
  v.first = as_bits(x[0], x[1], x[2], x[3]);
  v.second = as_bits(x[4], x[5], x[6], x[7]);
}

}  // namespace engine
