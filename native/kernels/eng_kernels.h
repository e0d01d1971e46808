/* Kernels that .NET has no intrinsics for. Pointers must be valid and 64-byte aligned where said; nothing is checked here. */
#ifndef ENG_KERNELS_H
#define ENG_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENG_KERNELS_API __attribute__((visibility("default")))
#define ENG_KERNELS_ABI_VERSION 2

ENG_KERNELS_API int32_t eng_kernels_abi_version(void);

/* 1 where this processor has AVX-512 BF16 (vdpbf16ps) and the system saves its registers. */
ENG_KERNELS_API int32_t eng_kernels_has_bf16(void);

/* Rounds rows of float32 to bfloat16 (to nearest, ties to even; subnormals become zero), two inputs a word: the even one in the low half.
 * inputs may be odd: the last word's high half is zero. pairs: words of a row, (inputs + 1) / 2. */
ENG_KERNELS_API void eng_bf16_round(const float* x, int64_t rows, int64_t inputs, uint32_t* words);

/* tile[8][width] = bias + sum over pairs of x times weights, accumulated in float32. x + rows[i] is row i's first word; weights hold, for each
 * pair of inputs, `width` words (64-byte aligned). width is 48, 32 or 16; tile's rows are `stride` numbers apart.
 * ahead: with each pair of inputs the line at ahead + 48 * pair is asked for; any address will do. */
ENG_KERNELS_API void eng_gemm_bf16_tile(
    const uint32_t* x, const int64_t* rows, int64_t pairs, const uint32_t* weights, const uint32_t* ahead, const float* bias, float* tile, int64_t stride, int32_t width);

#ifdef __cplusplus
}
#endif

#endif
