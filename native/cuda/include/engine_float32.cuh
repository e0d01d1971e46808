// A tile of a matrix product in float32 on the ordinary cores, with the interface of engine_tile.cuh: nothing is rounded, so that what the tensor cores' bfloat16 costs can be told from a fault.
// Each sum is added up in the order of the sum's index by one thread; where blocks share it, join() adds the parts in their order.
//
// A thread has the sums that it has in mma.sync's fragments and reads four numbers of each of its rows at a time: for a 32 x 32 warp tile 12 reads of 16 bytes for 128 multiply-adds, the eight
// rows of a warp on eight different groups of banks. 64 x 64 tiles: about half of the peak of the float32 cores; it is a yardstick, not a fast way.
#pragma once

#include "engine_tile.cuh"

namespace engine {

template <int tile_m, int tile_n, int row_bytes, int stages, int warps_m, int warps_n>
struct float32_product : tile_product<tile_m, tile_n, row_bytes, stages, warps_m, warps_n, 0> {
  using base = tile_product<tile_m, tile_n, row_bytes, stages, warps_m, warps_n, 0>;

  /// As tile_product::run.
  template <class left_copier, class right_copier>
  ENGINE_DEVICE void run(uint8_t* shared, int count, left_copier&& copy_left, right_copier&& copy_right) {
    base::clear();
    base::template begin<stages - 1>(shared, count, copy_left, copy_right);
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const int left_row = warp / warps_n * base::warp_m + (lane >> 2), right_row = warp % warps_n * base::warp_n + (lane & 3) * 2;
    int reading = 0, writing = stages - 1;
    for (int slice = 0; slice < count; slice++) {
      copy_async_wait<stages - 2>();
      __syncthreads();
      if (slice + stages - 1 < count) {
        copy_left(shared + writing * base::stage_bytes);
        copy_right(shared + writing * base::stage_bytes + tile_m * row_bytes);
      }
      copy_async_commit();
      const uint8_t* from_left = shared + reading * base::stage_bytes;
      const uint8_t* from_right = from_left + tile_m * row_bytes;
#pragma unroll 1
      for (int chunk = 0; chunk < base::chunks; chunk++) {
        float left[base::blocks_m][2][4], right[base::blocks_n][2][4];
#pragma unroll
        for (int i = 0; i < base::blocks_m; i++)
#pragma unroll
          for (int half = 0; half < 2; half++) unpack(load_16(from_left + swizzled<row_bytes>(left_row + i * 16 + half * 8, chunk)), left[i][half]);
#pragma unroll
        for (int j = 0; j < base::blocks_n; j++)
#pragma unroll
          for (int next = 0; next < 2; next++) unpack(load_16(from_right + swizzled<row_bytes>(right_row + j * 8 + next, chunk)), right[j][next]);
#pragma unroll
        for (int k = 0; k < 4; k++)
#pragma unroll
          for (int i = 0; i < base::blocks_m; i++)
#pragma unroll
            for (int j = 0; j < base::blocks_n; j++)
#pragma unroll
              for (int e = 0; e < 4; e++) this->sums[i][j][e] = fmaf(left[i][e / 2][k], right[j][e % 2][k], this->sums[i][j][e]);
      }
      reading = reading + 1 == stages ? 0 : reading + 1;
      writing = writing + 1 == stages ? 0 : writing + 1;
    }
  }
};

}  // namespace engine
