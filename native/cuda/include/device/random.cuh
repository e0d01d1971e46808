// Random numbers. Part of engine_device.cuh.
#pragma once

namespace engine {

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
