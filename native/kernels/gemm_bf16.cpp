// bfloat16 products with float32 sums by vdpbf16ps: two multiply-adds a lane and instruction, twice what float32 does.
#include "eng_kernels.h"

#include <immintrin.h>

namespace {

constexpr int kRows = 8;

template <int Registers>
void tile(const uint32_t* x, const int64_t* rows, int64_t pairs, const uint32_t* weights, const uint32_t* ahead, const float* bias, float* out, int64_t stride) {
    __m512 sum[kRows][Registers];
    const uint32_t* row[kRows];
    for (int i = 0; i < kRows; i++) {
        row[i] = x + rows[i];
        for (int j = 0; j < Registers; j++) sum[i][j] = _mm512_loadu_ps(bias + 16 * j);
    }
    for (int64_t p = 0; p < pairs; p++, weights += 16 * Registers, ahead += 48) {
        _mm_prefetch((const char*)ahead, _MM_HINT_T1);
        __m512bh b[Registers];
        for (int j = 0; j < Registers; j++) b[j] = (__m512bh)_mm512_load_si512(weights + 16 * j);
        for (int i = 0; i < kRows; i++) {
            __m512bh a = (__m512bh)_mm512_set1_epi32((int)row[i][p]);
            for (int j = 0; j < Registers; j++) sum[i][j] = _mm512_dpbf16_ps(sum[i][j], a, b[j]);
        }
    }
    for (int i = 0; i < kRows; i++)
        for (int j = 0; j < Registers; j++) _mm512_storeu_ps(out + i * stride + 16 * j, sum[i][j]);
}

}  // namespace

extern "C" {

void eng_bf16_round(const float* x, int64_t rows, int64_t inputs, uint32_t* words) {
    int64_t pairs = (inputs + 1) / 2;
    for (int64_t r = 0; r < rows; r++, x += inputs, words += pairs) {
        int64_t i = 0;
        for (; i + 32 <= inputs; i += 32) {
            __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i));
            _mm512_storeu_si512(words + i / 2, (__m512i)both);
        }
        if (i < inputs) {
            int64_t left = inputs - i;
            __mmask32 keep = left >= 32 ? 0xFFFFFFFFu : (1u << left) - 1;
            __m512 low = _mm512_maskz_loadu_ps((__mmask16)keep, x + i), high = _mm512_maskz_loadu_ps((__mmask16)(keep >> 16), x + i + 16);
            __mmask16 stored = (__mmask16)((1u << ((left + 1) / 2)) - 1);
            _mm512_mask_storeu_epi32(words + i / 2, stored, (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
    }
}

void eng_gemm_bf16_tile(
    const uint32_t* x, const int64_t* rows, int64_t pairs, const uint32_t* weights, const uint32_t* ahead, const float* bias, float* out, int64_t stride, int32_t width) {
    if (width == 48) tile<3>(x, rows, pairs, weights, ahead, bias, out, stride);
    else if (width == 32) tile<2>(x, rows, pairs, weights, ahead, bias, out, stride);
    else tile<1>(x, rows, pairs, weights, ahead, bias, out, stride);
}
}
