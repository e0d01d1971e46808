// Attention within small groups and GELU, forward and backward, on plain float arrays. Used by fused.cpp, which gives them gradients.
#pragma once
#include <cstdint>

namespace eng {

// One head of one group of L tokens: where its q, k, v (and their gradients) lie, and the tables that all groups share.
struct AttentionShape {
  int64_t length;         // L, tokens of a group
  int64_t padded;         // L rounded up to 16
  int64_t width;          // numbers of a head
  int64_t token_stride;   // between the tokens of a group in qkv, in floats
  int64_t part_stride;    // between q, k and v of a token, in floats
  int64_t output_stride;  // between the tokens of a group in the output, in floats
  float scale;
  const float* cos;   // [L, width]
  const float* sin;   // [L, width], signed: out[c] = x[c] cos[c] + x[c ^ 1] sin[c]
  const float* mask;  // [L, L] additive, or null
};

int64_t attention_scratch(const AttentionShape& shape);  // floats that a call needs
void attention_forward(const AttentionShape& shape, const float* qkv, float* output, float* scratch);
void attention_backward(const AttentionShape& shape, const float* qkv, const float* output_grad, float* qkv_grad, float* scratch);

void gelu_forward(const float* x, float* y, int64_t count);
void gelu_backward(const float* x, const float* y_grad, float* x_grad, int64_t count);

}  // namespace eng
