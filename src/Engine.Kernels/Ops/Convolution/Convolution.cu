// y = epilogue(conv(x) + bias) on images with channels last, as a matrix product whose left factor, the patches, is never written down: convolutions of the image decoder and encoder, on
// tensor cores: by mma.sync (sm_80 and newer), or with ENG_WARPGROUP by wgmma (sm_90a).
//
// Rows of the product are pixels of all images' results, its columns output channels; the sum runs over a patch in the order (row, column, channel). A block owns one tile;
// engine_tile.cuh says how it is summed. Each 16-byte chunk of a slice is eight channels of one pixel of the patch: a thread copies the same chunk of rows that are rows_at_once apart, so it keeps the
// corners of their patches and moves on through (row, column, channel) from slice to slice; pixels outside the image, and what is beyond the sum, are zeros that the copy writes itself.
// With ENG_UPSAMPLE the image is seen at twice its size, each pixel four times (nearest neighbour), without being written so. Channels are a multiple of 8 and x, w start at
// multiples of 16 bytes; any number of outputs, any image size up to 16383, any stride. A second axis of the grid shares out the sum as in Gemm.cu.
//
// Roofline, bf16. As a GEMM of M = images * rows * columns, K = 9 * channels: 128 x 128 tiles make 64 operations a byte of L2; every pixel is asked for nine times, but out of L2, and
// from HBM about once (a band of 128 pixels and its neighbours is 1-3 image rows). 512 channels at 32 x 32, one image: 4.8 GFLOP, 32 large tiles on 132 SMs, so the sum is shared
// out among blocks; 256 -> 256 at 256 x 256: 77 GFLOP, 512 tiles of warp groups on 132 SMs, expected 50-60 % of 989 TFLOP/s, a little under the GEMM's for the addresses
// (about 12 integer instructions a copied chunk). To get further: TMA's im2col mode with wgmma, which computes those addresses; Winograd's 2.25 times fewer operations cost bf16 accuracy.
//
// Budget: as Gemm.cu; no spills.
#if ENG_WARPGROUP
#include "engine_warpgroup.cuh"
#else
#include "engine_tile.cuh"
#endif

using namespace engine;

#if ENG_WARPGROUP
static_assert(ENG_TILE_M == 128 && ENG_TILE_N == 256 && ENG_ROW_BYTES == 128, "warp groups multiply 128 x 256");
using product = warpgroup_product<ENG_STAGES, 0>;
#else
using product = tile_product<ENG_TILE_M, ENG_TILE_N, ENG_ROW_BYTES, ENG_STAGES, ENG_WARPS_M, ENG_WARPS_N, 0>;
#endif

constexpr int kOutside = -30000;

#if ENG_OUTPUT == 1
using result = uint16_t;
#else
using result = float;
#endif

ENGINE_DEVICE float activated(float x) {
#if ENG_EPILOGUE == 2
  return silu(x);
#else
  return x;
#endif
}

ENGINE_DEVICE float held(const float* from) { return *from; }
ENGINE_DEVICE float held(const uint16_t* from) { return low_bfloat16(*from); }

ENGINE_KERNEL_BOUNDS(convolution, product::threads, ENG_BLOCKS_PER_SM, (
    const uint16_t* x, const uint8_t* w, const float* bias, result* y, float* workspace, uint32_t* arrivals,
    int pixels, int height, int width, int channels, int rows, int columns, int outputs, int stride, int padding)) {
  ENGINE_DYNAMIC_SHARED(uint8_t, memory);
  uint8_t* shared = product::aligned(memory + 0);
  constexpr int side = ENG_KERNEL, per_slice = ENG_ROW_BYTES / 2, copied = ENG_TILE_M / product::rows_at_once, scale = ENG_UPSAMPLE ? 2 : 1;

  // Tiles of the same pixels run together: their patches stay in L2.
  const int tiles_n = (outputs + ENG_TILE_N - 1) / ENG_TILE_N, tile = blockIdx.x;
  const int pixel0 = tile / tiles_n * ENG_TILE_M, column0 = tile % tiles_n * ENG_TILE_N;

  const int numbers = side * side * channels, slices = (numbers + per_slice - 1) / per_slice, splits = gridDim.y, share = (slices + splits - 1) / splits;
  const int first_slice = min(slices, static_cast<int>(blockIdx.y) * share), count = min(slices - first_slice, share);

  // Corners of the patches whose chunks this thread copies, in pixels of the seen image: the row above, the column below; and their images' first pixels.
  int corners[copied], images[copied];
#pragma unroll
  for (int i = 0; i < copied; i++) {
    const int pixel = pixel0 + product::first_row() + i * product::rows_at_once;
    const int image = pixel / (rows * columns), within = pixel - image * rows * columns, row = within / columns;
    const int top = pixel < pixels ? row * stride - padding : kOutside, left = (within - row * columns) * stride - padding;
    corners[i] = static_cast<int>(static_cast<uint32_t>(top) << 16 | (static_cast<uint32_t>(left) & 0xffffu));
    images[i] = image * height * width;
  }

  int at = first_slice * per_slice + product::copied_chunk() * 8;
  int channel = at % channels, tap_column = at / channels % side, tap_row = at / channels / side;
  const uint8_t* from_w = w + static_cast<int64_t>(column0) * numbers * 2 + static_cast<int64_t>(first_slice) * ENG_ROW_BYTES;
  int bytes_left = numbers * 2 - first_slice * ENG_ROW_BYTES;
  auto copy_patches = [&](uint8_t* to) {
#pragma unroll
    for (int i = 0; i < copied; i++) {
      const int row = (corners[i] >> 16) + tap_row, column = static_cast<int16_t>(corners[i] & 0xffff) + tap_column;
      const bool valid = tap_row < side && row >= 0 && row < height * scale && column >= 0 && column < width * scale;
      const int64_t pixel = images[i] + row / scale * width + column / scale;
      copy_async_16_or_zero(to + swizzled<ENG_ROW_BYTES>(product::first_row() + i * product::rows_at_once, product::copied_chunk()), valid ? x + pixel * channels + channel : x, valid);
    }
    channel += per_slice;
    while (channel >= channels) {
      channel -= channels;
      if (++tap_column == side) {
        tap_column = 0;
        tap_row++;
      }
    }
  };
  auto copy_weights = [&](uint8_t* to) {
    product::copy_slice<ENG_TILE_N>(to, from_w, static_cast<int64_t>(numbers) * 2, outputs - column0, bytes_left);
    from_w += ENG_ROW_BYTES;
    bytes_left -= ENG_ROW_BYTES;
  };
  product sum;
  sum.run(shared, count, copy_patches, copy_weights);
  if (splits > 1 && !sum.join(shared, workspace, arrivals, tile, gridDim.x, blockIdx.y, splits)) return;

  const bool aligned = (outputs & 1) == 0;
  sum.for_each_pair([&](int row, int column, float first, float second) {
    row += pixel0;
    column += column0;
    if (row >= pixels || column >= outputs) return;
    const bool both = column + 1 < outputs;
    first += bias ? bias[column] : 0.0f;
    second += bias && both ? bias[column + 1] : 0.0f;
    result* to = y + static_cast<int64_t>(row) * outputs + column;
#if ENG_EPILOGUE == 3
    store_pair(to, held(to) + first, both ? held(to + 1) + second : 0.0f, both, aligned);
#else
    store_pair(to, activated(first), activated(second), both, aligned);
#endif
  });
}
