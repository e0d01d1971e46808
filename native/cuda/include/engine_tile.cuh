// A tile of a matrix product on mma.sync tensor cores, for kernels that differ in where its factors come from and in what happens to its sums: Gemm.cu, Convolution.cu.
//
// Both factors come in slices of `row_bytes` bytes of each of their rows (the sum runs along a row) through `stages` stages of shared memory, filled by asynchronous copies. Chunks of
// 16 bytes are swizzled so that neither the copies nor ldmatrix meet a bank twice. Warps share the tile as warps_m x warps_n and keep their sums in registers as float32.
#pragma once

#include "engine_overlap.cuh"

namespace engine {

/// Where chunk `chunk` of a row of 64, 128 or 256 bytes stands in shared memory, in bytes.
template <int row_bytes>
ENGINE_DEVICE constexpr int swizzled(int row, int chunk) {
  return row * row_bytes + ((row_bytes == 64 ? chunk ^ (row >> 1 & 3) : chunk ^ (row & 7)) << 4);
}

/// Whether eight rows at one chunk, which is what ldmatrix reads at a time, fall on eight different groups of four banks.
template <int row_bytes>
ENGINE_DEVICE constexpr bool swizzle_spreads() {
  for (int chunk = 0; chunk < row_bytes / 16; chunk++) {
    int groups = 0;
    for (int row = 0; row < 8; row++) groups |= 1 << swizzled<row_bytes>(row, chunk) / 16 % 8;
    if (groups != 255) return false;
  }
  return true;
}

static_assert(swizzle_spreads<64>() && swizzle_spreads<128>() && swizzle_spreads<256>(), "ldmatrix would meet a bank twice");

/// `input`: 0 bfloat16, 1 half16, 2 float8 (sm_89 and newer).
template <int tile_m, int tile_n, int row_bytes, int stages, int warps_m, int warps_n, int input>
struct tile_product {
  static constexpr int threads = 32 * warps_m * warps_n, chunks = row_bytes / 16, rows_at_once = threads / chunks;
  static constexpr int warp_m = tile_m / warps_m, warp_n = tile_n / warps_n, blocks_m = warp_m / 16, blocks_n = warp_n / 8;
  static constexpr int stage_bytes = (tile_m + tile_n) * row_bytes, numbers = tile_m * tile_n;
  static_assert(row_bytes == 64 || row_bytes == 128, "a row is 4 or 8 chunks, so that threads share a slice out evenly");
  static_assert(warp_m % 16 == 0 && warp_n % 16 == 0, "fragments of the right factor are loaded for 16 columns at a time");
  static_assert(tile_m % rows_at_once == 0 && tile_n % rows_at_once == 0, "every thread copies as many chunks as every other");

  float sums[blocks_m][blocks_n][4];

  /// A thread copies this chunk of rows first_row() + i * rows_at_once.
  static ENGINE_DEVICE int copied_chunk() { return threadIdx.x % chunks; }
  static ENGINE_DEVICE int first_row() { return threadIdx.x / chunks; }

  /// One slice of a factor whose rows stand `stride` bytes apart, with zeros for all but the first `rows` rows and `bytes` bytes of a row.
  template <int tile_rows>
  static ENGINE_DEVICE void copy_slice(uint8_t* to, const uint8_t* from, int64_t stride, int rows, int bytes) {
    const int chunk = copied_chunk();
    const bool inside = chunk * 16 < bytes;
#pragma unroll
    for (int i = 0; i < tile_rows / rows_at_once; i++) {
      const int row = first_row() + i * rows_at_once;
      const bool valid = inside && row < rows;
      copy_async_16_or_zero(to + swizzled<row_bytes>(row, chunk), valid ? from + row * stride + chunk * 16 : from, valid);
    }
  }

  /// Where the stages begin: at a multiple of 128 bytes, which dynamic shared memory is by itself.
  static ENGINE_DEVICE uint8_t* aligned(uint8_t* memory) { return memory; }

  ENGINE_DEVICE void clear() {
#pragma unroll
    for (int i = 0; i < blocks_m; i++)
#pragma unroll
      for (int j = 0; j < blocks_n; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) sums[i][j][e] = 0.0f;
  }

  static ENGINE_DEVICE void multiply_fragments(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    if constexpr (input == 0) multiply_add_bfloat16(d, a, b0, b1);
    else if constexpr (input == 1) multiply_add_half16(d, a, b0, b1);
#if ENGINE_HAS_FLOAT8
    else multiply_add_float8(d, a, b0, b1);
#endif
  }

  /// Begins the first slices of both factors: the right one's, weights that are there long since, before the previous kernel has ended.
  template <int first_slices, class left_copier, class right_copier>
  static ENGINE_DEVICE void begin(uint8_t* shared, int count, left_copier&& copy_left, right_copier&& copy_right) {
#pragma unroll
    for (int stage = 0; stage < first_slices; stage++) {
      if (stage < count) copy_right(shared + stage * stage_bytes + tile_m * row_bytes);
    }
    wait_for_previous_kernel();
    let_next_kernel_begin();
#pragma unroll
    for (int stage = 0; stage < first_slices; stage++) {
      if (stage < count) copy_left(shared + stage * stage_bytes);
      copy_async_commit();
    }
  }

  /// Sums over `count` slices. `copy_left(to)` begins to copy the next slice of the left factor, tile_m rows, `copy_right(to)` of the right one, tile_n rows; they are called once for each, in order.
  template <class left_copier, class right_copier>
  ENGINE_DEVICE void run(uint8_t* shared, int count, left_copier&& copy_left, right_copier&& copy_right) {
    clear();
    begin<stages - 1>(shared, count, copy_left, copy_right);

    // ldmatrix: lanes 0-15 name the rows of a 16-row block of the left factor, lanes 16-31 the same rows one chunk on; for the right one lanes 0-7
    // and 16-23 name rows 0-7 and 8-15, lanes 8-15 and 24-31 the same one chunk on.
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const int left_row = warp / warps_n * warp_m + (lane & 15), left_chunk = lane >> 4;
    const int right_row = warp % warps_n * warp_n + (lane & 7) + (lane >> 4 << 3), right_chunk = lane >> 3 & 1;
    constexpr int steps = row_bytes / 32;
    int reading = 0, writing = stages - 1;
    for (int slice = 0; slice < count; slice++) {
      copy_async_wait<stages - 2>();
      __syncthreads();
      if (slice + stages - 1 < count) {
        copy_left(shared + writing * stage_bytes);
        copy_right(shared + writing * stage_bytes + tile_m * row_bytes);
      }
      copy_async_commit();
      const uint8_t* from_left = shared + reading * stage_bytes;
      const uint8_t* from_right = from_left + tile_m * row_bytes;
      uint32_t left[2][blocks_m][4], right[2][blocks_n / 2][4];
      auto load_step = [&](int step) {
#pragma unroll
        for (int i = 0; i < blocks_m; i++) load_matrix_x4(left[step & 1][i], from_left + swizzled<row_bytes>(left_row + i * 16, 2 * step + left_chunk));
#pragma unroll
        for (int j = 0; j < blocks_n / 2; j++) load_matrix_x4(right[step & 1][j], from_right + swizzled<row_bytes>(right_row + j * 16, 2 * step + right_chunk));
      };
      load_step(0);
#pragma unroll
      for (int step = 0; step < steps; step++) {
        if (step + 1 < steps) load_step(step + 1);
#pragma unroll
        for (int i = 0; i < blocks_m; i++)
#pragma unroll
          for (int j = 0; j < blocks_n; j++) {
            const uint32_t* fragment = right[step & 1][j / 2] + j % 2 * 2;
            multiply_fragments(sums[i][j], left[step & 1][i], fragment[0], fragment[1]);
          }
      }

      reading = reading + 1 == stages ? 0 : reading + 1;
      writing = writing + 1 == stages ? 0 : writing + 1;
    }
  }

  /// Where `splits` blocks share the sum of tile `tile` of `tiles`: each leaves its part, and the one that arrives last adds all of them up in their order, whichever it is, so that the result
  /// does not depend on who was last. True for that block. Parts stand in the order of the registers: [split][tile][block of the warp][thread][4]. Leaves the counter at zero.
  ENGINE_DEVICE bool join(uint8_t* shared, float* workspace, uint32_t* arrivals, int tile, int tiles, int split, int splits) {
    float* part = workspace + (static_cast<int64_t>(split) * tiles + tile) * numbers + threadIdx.x * 4;
#pragma unroll
    for (int i = 0; i < blocks_m; i++)
#pragma unroll
      for (int j = 0; j < blocks_n; j++)
        *reinterpret_cast<float4*>(part + (i * blocks_n + j) * threads * 4) = make_float4(sums[i][j][0], sums[i][j][1], sums[i][j][2], sums[i][j][3]);
    __threadfence();
    copy_async_wait<0>();
    volatile uint32_t* arrived = reinterpret_cast<uint32_t*>(shared);
    __syncthreads();
    if (threadIdx.x == 0) *arrived = atomicAdd(arrivals + tile, 1u);
    __syncthreads();
    if (*arrived + 1 != static_cast<uint32_t>(splits)) return false;
    __threadfence();
    clear();
    part = workspace + static_cast<int64_t>(tile) * numbers + threadIdx.x * 4;
    for (int other = 0; other < splits; other++, part += static_cast<int64_t>(tiles) * numbers) {
#pragma unroll
      for (int i = 0; i < blocks_m; i++)
#pragma unroll
        for (int j = 0; j < blocks_n; j++) {
          const float4 more = *reinterpret_cast<const float4*>(part + (i * blocks_n + j) * threads * 4);
          sums[i][j][0] += more.x;
          sums[i][j][1] += more.y;
          sums[i][j][2] += more.z;
          sums[i][j][3] += more.w;
        }
    }
    if (threadIdx.x == 0) arrivals[tile] = 0;
    return true;
  }

  /// Calls `use(row, column, first, second)` for each pair of neighbouring sums of this thread, columns even, within the tile: lane g * 4 + t holds columns 2t and 2t + 1 of rows g and g + 8
  /// of each 16 x 8 block.
  template <class user>
  ENGINE_DEVICE void for_each_pair(user&& use) const {
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const int row = warp / warps_n * warp_m + (lane >> 2), column = warp % warps_n * warp_n + (lane & 3) * 2;
#pragma unroll
    for (int i = 0; i < blocks_m; i++)
#pragma unroll
      for (int half = 0; half < 2; half++)
#pragma unroll
        for (int j = 0; j < blocks_n; j++) use(row + i * 16 + half * 8, column + j * 8, sums[i][j][half * 2], sums[i][j][half * 2 + 1]);
  }
};

/// Two neighbouring results, or the first of them; `aligned`: the place of two is a multiple of their size.
ENGINE_DEVICE void store_pair(float* to, float first, float second, bool both, bool aligned) {
  if (both && aligned) {
    *reinterpret_cast<float2*>(to) = make_float2(first, second);
  } else {
    to[0] = first;
    if (both) to[1] = second;
  }
}

#if ENGINE_HAS_FLOAT8
ENGINE_DEVICE void store_pair(float8* to, float first, float second, bool both, bool aligned) {
  const uint16_t pair = pack_float8(first, second);
  if (both && aligned) {
    *reinterpret_cast<uint16_t*>(to) = pair;
  } else {
    to[0].bits = static_cast<uint8_t>(pair);
    if (both) to[1].bits = static_cast<uint8_t>(pair >> 8);
  }
}
#endif

ENGINE_DEVICE void store_pair(uint16_t* to, float first, float second, bool both, bool aligned) {
  const uint32_t pair = pack_bfloat16(first, second);
  if (both && aligned) {
    *reinterpret_cast<uint32_t*>(to) = pair;
  } else {
    to[0] = static_cast<uint16_t>(pair);
    if (both) to[1] = static_cast<uint16_t>(pair >> 16);
  }
}

}  // namespace engine
