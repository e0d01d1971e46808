// Fused operations with gradients, on any device; statuses and messages as in eng_torch.h.
#pragma once
#include "eng_torch.h"

#ifdef __cplusplus
extern "C" {
#endif

// Rotary self-attention within groups of tokens. qkv [B, T, N, 3, heads, width]; cos, sin [L, width] (signed sines); mask [L, L] additive
// or null; L = N over space, T over time. Result [B, T, N, heads*width].
ENG_TORCH_API int32_t eng_torch_small_attention(eng_torch_tensor qkv, eng_torch_tensor cos, eng_torch_tensor sin, eng_torch_tensor mask, int32_t temporal, eng_torch_tensor* out);

// GELU in its tanh form, any shape.
ENG_TORCH_API int32_t eng_torch_fast_gelu(eng_torch_tensor x, eng_torch_tensor* out);

#ifdef __cplusplus
}
#endif
