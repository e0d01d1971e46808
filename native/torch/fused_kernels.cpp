#include "fused_kernels.h"
#include <cstring>

// One body, compiled for three instruction sets; the loader takes the widest that the CPU has.
#define ENG_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

namespace eng {
namespace {

// exp with a relative error below 2e-7 on [-87, 88]; arguments outside are clamped. Written so that loops over it vectorise.
inline __attribute__((always_inline)) float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  float shifted = x * 1.44269504088896f + magic;
  float n = shifted - magic;
  float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t bits = static_cast<int32_t>(n) << 23;
  int32_t value;
  std::memcpy(&value, &p, 4);
  value += bits;
  std::memcpy(&p, &value, 4);
  return p;
}

// A group's head in local memory: q and v by token, k and v also transposed (padded with zeros), probabilities.
struct Head {
  float *q, *k, *v, *k_transposed, *v_transposed, *p;
};

inline __attribute__((always_inline)) Head carve(const AttentionShape& s, float* scratch) {
  int64_t tile = s.padded * s.width;
  return {scratch, scratch + tile, scratch + 2 * tile, scratch + 3 * tile, scratch + 4 * tile, scratch + 5 * tile};
}

inline __attribute__((always_inline)) void rotate(const AttentionShape& s, int64_t width, const float* x, int64_t token, float* __restrict out) {
  const float* __restrict c = s.cos + token * width;
  const float* __restrict n = s.sin + token * width;
  for (int64_t i = 0; i < width; i += 2) {
    out[i] = x[i] * c[i] + x[i + 1] * n[i];
    out[i + 1] = x[i + 1] * c[i + 1] + x[i] * n[i + 1];
  }
}

inline __attribute__((always_inline)) void load(const AttentionShape& s, const float* qkv, const Head& h) {
  std::memset(h.k_transposed, 0, sizeof(float) * s.padded * s.width);
  std::memset(h.v_transposed, 0, sizeof(float) * s.padded * s.width);
  for (int64_t i = 0; i < s.length; i++) {
    const float* token = qkv + i * s.token_stride;
    rotate(s, s.width, token, i, h.q + i * s.width);
    rotate(s, s.width, token + s.part_stride, i, h.k + i * s.width);
    std::memcpy(h.v + i * s.width, token + 2 * s.part_stride, sizeof(float) * s.width);
    for (int64_t c = 0; c < s.width; c++) {
      h.k_transposed[c * s.padded + i] = h.k[i * s.width + c];
      h.v_transposed[c * s.padded + i] = h.v[i * s.width + c];
    }
  }
}

inline __attribute__((always_inline)) void probabilities(const AttentionShape& s, const Head& h) {
  for (int64_t i = 0; i < s.length; i++) {
    float* __restrict p = h.p + i * s.padded;
    for (int64_t j = 0; j < s.padded; j++) p[j] = 0;
    for (int64_t c = 0; c < s.width; c++) {
      float q = h.q[i * s.width + c] * s.scale;
      const float* __restrict k = h.k_transposed + c * s.padded;
      for (int64_t j = 0; j < s.padded; j++) p[j] += q * k[j];
    }
    if (s.mask)
      for (int64_t j = 0; j < s.length; j++) p[j] += s.mask[i * s.length + j];
    float most = p[0];
    for (int64_t j = 1; j < s.length; j++) most = p[j] > most ? p[j] : most;
    for (int64_t j = 0; j < s.length; j++) p[j] = fast_exp(p[j] - most);
    float sum = 0;
    for (int64_t j = 0; j < s.length; j++) sum += p[j];
    float inverse = 1.0f / sum;
    for (int64_t j = 0; j < s.length; j++) p[j] *= inverse;
    // A masked entry is exactly zero, as in the definition, not exp(-87).
    if (s.mask)
      for (int64_t j = 0; j < s.length; j++) p[j] = s.mask[i * s.length + j] < -1e30f ? 0.0f : p[j];
    for (int64_t j = s.length; j < s.padded; j++) p[j] = 0;
  }
}

inline __attribute__((always_inline)) void forward(const AttentionShape& s, const float* qkv, float* output, float* scratch) {
  Head h = carve(s, scratch);
  load(s, qkv, h);
  probabilities(s, h);
  for (int64_t i = 0; i < s.length; i++) {
    float* __restrict out = output + i * s.output_stride;
    for (int64_t c = 0; c < s.width; c++) out[c] = 0;
    for (int64_t j = 0; j < s.length; j++) {
      float p = h.p[i * s.padded + j];
      const float* __restrict v = h.v + j * s.width;
      for (int64_t c = 0; c < s.width; c++) out[c] += p * v[c];
    }
  }
}

inline __attribute__((always_inline)) void backward(const AttentionShape& s, const float* qkv, const float* output_grad, float* qkv_grad, float* scratch) {
  Head h = carve(s, scratch);
  int64_t tile = s.padded * s.width;
  float* dp = h.p + s.padded * s.padded;
  float* dk = dp + s.padded * s.padded;
  float* dv = dk + tile;
  float* dq = dv + tile;
  load(s, qkv, h);
  probabilities(s, h);
  std::memset(dk, 0, sizeof(float) * tile);
  std::memset(dv, 0, sizeof(float) * tile);
  for (int64_t i = 0; i < s.length; i++) {
    const float* __restrict g = output_grad + i * s.output_stride;
    float* __restrict p = h.p + i * s.padded;
    for (int64_t j = 0; j < s.padded; j++) dp[j] = 0;
    for (int64_t c = 0; c < s.width; c++) {
      float value = g[c];
      const float* __restrict v = h.v_transposed + c * s.padded;
      for (int64_t j = 0; j < s.padded; j++) dp[j] += value * v[j];
    }
    float dot = 0;
    for (int64_t j = 0; j < s.length; j++) dot += p[j] * dp[j];
    for (int64_t j = 0; j < s.length; j++) dp[j] = p[j] * (dp[j] - dot) * s.scale;
    for (int64_t c = 0; c < s.width; c++) dq[c] = 0;
    const float* q = h.q + i * s.width;
    for (int64_t j = 0; j < s.length; j++) {
      float d = dp[j], w = p[j];
      const float* __restrict k = h.k + j * s.width;
      float* __restrict dkj = dk + j * s.width;
      float* __restrict dvj = dv + j * s.width;
      for (int64_t c = 0; c < s.width; c++) {
        dq[c] += d * k[c];
        dkj[c] += d * q[c];
        dvj[c] += w * g[c];
      }
    }
    // Back through the rotation: its transpose exchanges the pair and takes the partner's sine.
    const float* cs = s.cos + i * s.width;
    const float* sn = s.sin + i * s.width;
    float* __restrict out = qkv_grad + i * s.token_stride;
    for (int64_t c = 0; c < s.width; c += 2) {
      out[c] = dq[c] * cs[c] + dq[c + 1] * sn[c + 1];
      out[c + 1] = dq[c + 1] * cs[c + 1] + dq[c] * sn[c];
    }
  }
  for (int64_t j = 0; j < s.length; j++) {
    const float* cs = s.cos + j * s.width;
    const float* sn = s.sin + j * s.width;
    const float* __restrict k = dk + j * s.width;
    float* __restrict out = qkv_grad + j * s.token_stride + s.part_stride;
    for (int64_t c = 0; c < s.width; c += 2) {
      out[c] = k[c] * cs[c] + k[c + 1] * sn[c + 1];
      out[c + 1] = k[c + 1] * cs[c + 1] + k[c] * sn[c];
    }
    std::memcpy(qkv_grad + j * s.token_stride + 2 * s.part_stride, dv + j * s.width, sizeof(float) * s.width);
  }
}

// Up to 16 tokens and heads of W*16 numbers: everything lives in a few vectors of 16 floats. The path that small world models take.
typedef float Lane __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t LaneInt __attribute__((vector_size(64)));

inline __attribute__((always_inline)) Lane splat(float x) { return Lane{} + x; }

inline __attribute__((always_inline)) Lane lane_exp(Lane x) {
  x = x < splat(-87.0f) ? splat(-87.0f) : x;
  Lane shifted = x * 1.44269504088896f + 12582912.0f;
  Lane n = shifted - 12582912.0f;
  Lane r = x - n * 0.693359375f + n * 2.12194440e-4f;
  Lane p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return (Lane)((LaneInt)p + (__builtin_convertvector(n, LaneInt) << 23));
}

template <int W>
struct Tile {
  Lane q[16][W], k[16][W], v[16][W];
  Lane k_by_number[16 * W];  // transposed: the 16 tokens' value of one number
  Lane p[16];

  inline __attribute__((always_inline)) void load(const AttentionShape& s, const float* qkv) {
    const LaneInt swap = {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14};
    for (int i = 0; i < 16; i++) {
      if (i >= s.length) {
        for (int w = 0; w < W; w++) q[i][w] = k[i][w] = v[i][w] = Lane{};
        continue;
      }
      const float* token = qkv + i * s.token_stride;
      const Lane *x = (const Lane*)token, *y = (const Lane*)(token + s.part_stride), *z = (const Lane*)(token + 2 * s.part_stride);
      const Lane *c = (const Lane*)(s.cos + i * s.width), *n = (const Lane*)(s.sin + i * s.width);
      for (int w = 0; w < W; w++) {
        q[i][w] = (x[w] * c[w] + __builtin_shuffle(x[w], swap) * n[w]) * s.scale;
        k[i][w] = y[w] * c[w] + __builtin_shuffle(y[w], swap) * n[w];
        v[i][w] = z[w];
      }
    }
    transpose(k, k_by_number);
  }

  static inline __attribute__((always_inline)) void transpose(const Lane (&from)[16][W], Lane (&to)[16 * W]) {
    const float* in = (const float*)from;
    float* out = (float*)to;
    for (int c = 0; c < 16 * W; c++)
      for (int i = 0; i < 16; i++) out[c * 16 + i] = in[i * 16 * W + c];
  }

  inline __attribute__((always_inline)) void probabilities(const AttentionShape& s) {
    float outside[16];
    for (int i = 0; i < 16; i += 4) {
      Lane a[4] = {};
      for (int c = 0; c < 16 * W; c++)
        for (int r = 0; r < 4; r++) a[r] += ((const float*)q[i + r])[c] * k_by_number[c];
      for (int r = 0; r < 4 && i + r < s.length; r++) {
        for (int j = 0; j < 16; j++) outside[j] = j >= s.length ? -3e38f : s.mask ? s.mask[(i + r) * s.length + j] : 0;
        Lane add = *(const Lane*)outside, score = a[r] + add;
        float most = score[0];
        for (int j = 1; j < 16; j++) most = score[j] > most ? score[j] : most;
        Lane e = lane_exp(score - most);
        e = add < splat(-1e30f) ? Lane{} : e;
        float sum = 0;
        for (int j = 0; j < 16; j++) sum += e[j];
        p[i + r] = e * (1.0f / sum);
      }
    }
  }
};

template <int W>
inline __attribute__((always_inline)) void tile_forward(const AttentionShape& s, const float* qkv, float* output) {
  Tile<W> t;
  t.load(s, qkv);
  t.probabilities(s);
  for (int64_t i = 0; i < s.length; i++) {
    Lane o[W] = {};
    for (int64_t j = 0; j < s.length; j++)
      for (int w = 0; w < W; w++) o[w] += ((const float*)&t.p[i])[j] * t.v[j][w];
    for (int w = 0; w < W; w++) ((Lane*)(output + i * s.output_stride))[w] = o[w];
  }
}

template <int W>
inline __attribute__((always_inline)) void unrotate(const AttentionShape& s, int64_t i, const Lane (&g)[W], float scale, float* out) {
  const LaneInt swap = {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14};
  const Lane *c = (const Lane*)(s.cos + i * s.width), *n = (const Lane*)(s.sin + i * s.width);
  for (int w = 0; w < W; w++) ((Lane*)out)[w] = (g[w] * c[w] + __builtin_shuffle(g[w] * n[w], swap)) * scale;
}

template <int W>
inline __attribute__((always_inline)) void tile_backward(const AttentionShape& s, const float* qkv, const float* output_grad, float* qkv_grad) {
  Tile<W> t;
  Lane v_by_number[16 * W], g[16][W], ds[16], dk[16][W] = {}, dv[16][W] = {};
  t.load(s, qkv);
  t.probabilities(s);
  Tile<W>::transpose(t.v, v_by_number);
  for (int i = 0; i < 16; i++)
    for (int w = 0; w < W; w++) g[i][w] = i < s.length ? ((const Lane*)(output_grad + i * s.output_stride))[w] : Lane{};
  for (int i = 0; i < 16; i += 4) {
    Lane a[4] = {};
    for (int c = 0; c < 16 * W; c++)
      for (int r = 0; r < 4; r++) a[r] += ((const float*)g[i + r])[c] * v_by_number[c];
    for (int r = 0; r < 4 && i + r < s.length; r++) {
      Lane product = t.p[i + r] * a[r];
      float dot = 0;
      for (int j = 0; j < 16; j++) dot += product[j];
      ds[i + r] = product - t.p[i + r] * dot;
    }
  }
  for (int64_t i = 0; i < s.length; i++) {
    const float *d = (const float*)&ds[i], *p = (const float*)&t.p[i];
    Lane dq[W] = {};
    for (int64_t j = 0; j < s.length; j++)
      for (int w = 0; w < W; w++) {
        dq[w] += d[j] * t.k[j][w];
        dk[j][w] += d[j] * t.q[i][w];  // q carries the scale already
        dv[j][w] += p[j] * g[i][w];
      }
    unrotate<W>(s, i, dq, s.scale, qkv_grad + i * s.token_stride);
  }
  for (int64_t j = 0; j < s.length; j++) {
    unrotate<W>(s, j, dk[j], 1.0f, qkv_grad + j * s.token_stride + s.part_stride);
    for (int w = 0; w < W; w++) ((Lane*)(qkv_grad + j * s.token_stride + 2 * s.part_stride))[w] = dv[j][w];
  }
}

}  // namespace

int64_t attention_scratch(const AttentionShape& s) { return 8 * s.padded * s.width + 2 * s.padded * s.padded; }

ENG_CLONES void attention_forward(const AttentionShape& s, const float* qkv, float* output, float* scratch) {
  if (s.width == 32 && s.padded == 16)
    tile_forward<2>(s, qkv, output);
  else
    forward(s, qkv, output, scratch);
}

ENG_CLONES void attention_backward(const AttentionShape& s, const float* qkv, const float* output_grad, float* qkv_grad, float* scratch) {
  if (s.width == 32 && s.padded == 16)
    tile_backward<2>(s, qkv, output_grad, qkv_grad);
  else
    backward(s, qkv, output_grad, qkv_grad, scratch);
}

ENG_CLONES void gelu_forward(const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float v = x[i];
    float u = 1.5957691216f * (v + 0.044715f * v * v * v);  // twice the usual argument: (1 + tanh(u/2))/2 = 1/(1 + e^-u)
    y[i] = v / (1.0f + fast_exp(-u));
  }
}

ENG_CLONES void gelu_backward(const float* x, const float* y_grad, float* x_grad, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float v = x[i];
    float u = 1.5957691216f * (v + 0.044715f * v * v * v);
    float e = fast_exp(-u);
    float s = 1.0f / (1.0f + e);
    float slope = 1.5957691216f * (1.0f + 0.134145f * v * v);
    x_grad[i] = y_grad[i] * (s + v * (e * s) * s * slope);  // e*s is 1 - s without its cancellation
  }
}

}  // namespace eng
