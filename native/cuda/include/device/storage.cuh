// What numbers are stored as. Part of engine_device.cuh.
#pragma once

namespace engine {

/// Upper half of a float.
struct bfloat16 { uint16_t bits; };

/// IEEE binary16.
struct half16 { uint16_t bits; };

/// FP8: four bits of exponent, three of mantissa, no infinities (conversion clamps to ±448).
struct float8 { uint8_t bits; };
constexpr float greatest_float8 = 448.0f;

ENGINE_DEVICE float to_float(float x) { return x; }
ENGINE_DEVICE float to_float(bfloat16 x) { return __uint_as_float(static_cast<uint32_t>(x.bits) << 16); }
ENGINE_DEVICE float low_bfloat16(uint32_t pair) { return __uint_as_float(pair << 16); }
ENGINE_DEVICE float high_bfloat16(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

}  // namespace engine
