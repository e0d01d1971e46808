// A tile of a matrix product on the warp-group tensor cores of Hopper (wgmma, sm_90a), with the interface of engine_tile.cuh: both factors are read out of shared memory by the tensor cores
// themselves, past the registers, at the full rate that mma.sync reaches two thirds of. Slices still come by cp.async: their swizzle is the 128-byte mode of the matrix descriptors.
//
// Names and layouts are the PTX ISA's ("Asynchronous warpgroup level matrix instructions"). On the CPU a product is carried out at its wait in ascending order of threads, at once in
// descending order, and by chance in shuffled order, from what the descriptors say, so that a stage which is refilled too early shows.
#pragma once

#include "engine_tile.cuh"

namespace engine {

#if !defined(ENGINE_EMULATE)

/// Place of a slice in the address space of the descriptors.
ENGINE_DEVICE uint32_t descriptor_address(const void* shared) { return shared_address(shared); }

/// Makes what this thread has written to shared memory visible to the tensor cores' own reads; others' after a barrier.
ENGINE_DEVICE void show_to_tensor_cores() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/// Before the first product, and wherever registers of sums were written otherwise.
ENGINE_DEVICE void warpgroup_arrive() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

/// Makes a group of the products begun since the last commit.
ENGINE_DEVICE void warpgroup_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/// Waits until at most `left` of the newest groups are unfinished.
template <int left>
ENGINE_DEVICE void warpgroup_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(left) : "memory");
}

// The instruction with its 128 sums; bfloat16 may stand transposed in shared memory, which eight-bit numbers cannot, so that only the one is told that it does not.
#define ENGINE_WARPGROUP_MULTIPLY_ADD(types, transposed) \
  asm volatile( \
      "{\n" \
      ".reg .pred add;\n" \
      "setp.ne.b32 add, 1, 0;\n" \
      "wgmma.mma_async.sync.aligned.m64n256" types " {" \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
      "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127" \
      "}, %128, %129, add, 1, 1" transposed ";\n" \
      "}\n" \
      : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]), "+f"(d[1][3]), \
        "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]), "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), \
        "+f"(d[4][0]), "+f"(d[4][1]), "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]), \
        "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3]), \
        "+f"(d[8][0]), "+f"(d[8][1]), "+f"(d[8][2]), "+f"(d[8][3]), "+f"(d[9][0]), "+f"(d[9][1]), "+f"(d[9][2]), "+f"(d[9][3]), \
        "+f"(d[10][0]), "+f"(d[10][1]), "+f"(d[10][2]), "+f"(d[10][3]), "+f"(d[11][0]), "+f"(d[11][1]), "+f"(d[11][2]), "+f"(d[11][3]), \
        "+f"(d[12][0]), "+f"(d[12][1]), "+f"(d[12][2]), "+f"(d[12][3]), "+f"(d[13][0]), "+f"(d[13][1]), "+f"(d[13][2]), "+f"(d[13][3]), \
        "+f"(d[14][0]), "+f"(d[14][1]), "+f"(d[14][2]), "+f"(d[14][3]), "+f"(d[15][0]), "+f"(d[15][1]), "+f"(d[15][2]), "+f"(d[15][3]), \
        "+f"(d[16][0]), "+f"(d[16][1]), "+f"(d[16][2]), "+f"(d[16][3]), "+f"(d[17][0]), "+f"(d[17][1]), "+f"(d[17][2]), "+f"(d[17][3]), \
        "+f"(d[18][0]), "+f"(d[18][1]), "+f"(d[18][2]), "+f"(d[18][3]), "+f"(d[19][0]), "+f"(d[19][1]), "+f"(d[19][2]), "+f"(d[19][3]), \
        "+f"(d[20][0]), "+f"(d[20][1]), "+f"(d[20][2]), "+f"(d[20][3]), "+f"(d[21][0]), "+f"(d[21][1]), "+f"(d[21][2]), "+f"(d[21][3]), \
        "+f"(d[22][0]), "+f"(d[22][1]), "+f"(d[22][2]), "+f"(d[22][3]), "+f"(d[23][0]), "+f"(d[23][1]), "+f"(d[23][2]), "+f"(d[23][3]), \
        "+f"(d[24][0]), "+f"(d[24][1]), "+f"(d[24][2]), "+f"(d[24][3]), "+f"(d[25][0]), "+f"(d[25][1]), "+f"(d[25][2]), "+f"(d[25][3]), \
        "+f"(d[26][0]), "+f"(d[26][1]), "+f"(d[26][2]), "+f"(d[26][3]), "+f"(d[27][0]), "+f"(d[27][1]), "+f"(d[27][2]), "+f"(d[27][3]), \
        "+f"(d[28][0]), "+f"(d[28][1]), "+f"(d[28][2]), "+f"(d[28][3]), "+f"(d[29][0]), "+f"(d[29][1]), "+f"(d[29][2]), "+f"(d[29][3]), \
        "+f"(d[30][0]), "+f"(d[30][1]), "+f"(d[30][2]), "+f"(d[30][3]), "+f"(d[31][0]), "+f"(d[31][1]), "+f"(d[31][2]), "+f"(d[31][3]) \
      : "l"(a), "l"(b));

/// Begins d += a · bᵀ with a [64, 16] and b [256, 16] in bfloat16 (`input` 0), or [64, 32] and [256, 32] in float8 (2), both in shared memory with their rows along the sum. Lane g * 4 + t of warp w
/// holds of d [64, 256], for each eight columns, columns 2t and + 1 of row 16w + g and the same of row 16w + g + 8.
template <int input>
ENGINE_DEVICE void warpgroup_multiply_add(float (&d)[32][4], uint64_t a, uint64_t b) {
  if constexpr (input == 0) {
    ENGINE_WARPGROUP_MULTIPLY_ADD("k16.f32.bf16.bf16", ", 0, 0");
  } else {
    ENGINE_WARPGROUP_MULTIPLY_ADD("k32.f32.e4m3.e4m3", "");
  }
}

/// Keeps the compiler from reading sums before the wait, of whose meaning it knows nothing.
ENGINE_DEVICE void after_wait(float (&d)[32][4]) {
#pragma unroll
  for (int i = 0; i < 32; i++) asm volatile("" : "+f"(d[i][0]), "+f"(d[i][1]), "+f"(d[i][2]), "+f"(d[i][3])::"memory");
}

#endif

/// Describes rows of 128 bytes, swizzled in eights, from an address that is a multiple of 1024 but for a part of a row: the address, the distance of groups of eight rows (1024 bytes) in
/// 16-byte units, and the mode, 128 bytes. The distance along a row is not looked at in this mode.
ENGINE_DEVICE uint64_t swizzled_descriptor(uint32_t address) {
  return static_cast<uint64_t>((address & 0x3ffffu) >> 4) | 1ull << 16 | static_cast<uint64_t>(1024 >> 4) << 32 | 1ull << 62;
}

}  // namespace engine

#if defined(ENGINE_EMULATE)

namespace emulation {

struct product { float* d[warp_size]; uint64_t a, b; int group, input; };

struct product_queue { product* items; int count, room, group; };

inline product_queue product_queues[most_threads / warp_size];

/// Byte `byte` of row `row` of what a descriptor describes.
inline const unsigned char* described(uint64_t descriptor, int row, int byte) {
  if (descriptor >> 62 != 1) fail("a matrix descriptor must say 128-byte swizzle, it says %d", static_cast<int>(descriptor >> 62));
  const uint64_t logical = ((descriptor & 0x3fff) << 4) + row / 8 * ((descriptor >> 32 & 0x3fff) << 4) + row % 8 * 128 + byte;
  const unsigned char* at = shared_memory + (logical ^ (logical >> 7 & 7) << 4);
  check_shared(at, 1, 1, "wgmma");
  return at;
}

inline float described_number(uint64_t descriptor, int row, int k, int input) {
  if (input == 2) return engine::from_float8(*described(descriptor, row, k));
  uint16_t bits;
  memcpy(&bits, described(descriptor, row, 2 * k), 2);
  return __uint_as_float(static_cast<unsigned>(bits) << 16);
}

/// The sixteen rows of a warp.
inline void carry_out(const product& p, int warp) {
  static float b[256][32];
  const int depth = p.input == 2 ? 32 : 16;
  for (int column = 0; column < 256; column++) {
    for (int k = 0; k < depth; k++) b[column][k] = described_number(p.b, column, k, p.input);
  }
  for (int row = 0; row < 16; row++) {
    float a[32];
    for (int k = 0; k < depth; k++) a[k] = described_number(p.a, warp % 4 * 16 + row, k, p.input);
    for (int column = 0; column < 256; column++) {
      float& d = p.d[row % 8 * 4 + column % 8 / 2][column / 8 * 4 + row / 8 * 2 + column % 2];
      double sum = d;
      for (int k = 0; k < depth; k++) sum += static_cast<double>(a[k]) * b[column][k];
      d = static_cast<float>(sum);
    }
  }
}

struct product_payload { float* d; uint64_t a, b; int input; };

inline void resolve_product(void** payloads, uint32_t, int first) {
  const auto& mine = *static_cast<product_payload*>(payloads[0]);
  product_queue& queue = product_queues[first / warp_size];
  product p{{}, mine.a, mine.b, queue.group, mine.input};
  for (int lane = 0; lane < warp_size; lane++) {
    const auto& other = *static_cast<product_payload*>(payloads[lane]);
    if (other.a != mine.a || other.b != mine.b) fail("the lanes of a warp give different matrix descriptors");
    p.d[lane] = other.d;
  }
  // In shuffled order one that is begun late must not overtake an earlier one that waits: sums would be added in another order than on a device.
  if (order_of_launch == 1 || (order_of_launch == 2 && queue.count == 0 && (next_random() & 1))) return carry_out(p, first / warp_size);
  if (queue.count == queue.room) {
    queue.room = queue.room ? 2 * queue.room : 16;
    queue.items = static_cast<product*>(realloc(queue.items, static_cast<size_t>(queue.room) * sizeof(product)));
  }
  queue.items[queue.count++] = p;
}

/// What a launch that failed has left.
inline void forget_products() { product_queues[current->index / warp_size].count = 0; }

inline void resolve_commit(void**, uint32_t, int first) { product_queues[first / warp_size].group++; }

template <int left>
void resolve_wait(void**, uint32_t, int first) {
  product_queue& queue = product_queues[first / warp_size];
  int kept = 0;
  for (int i = 0; i < queue.count; i++) {
    if (queue.items[i].group < queue.group - left) carry_out(queue.items[i], first / warp_size);
    else queue.items[kept++] = queue.items[i];
  }
  queue.count = kept;
}

}  // namespace emulation

namespace engine {

inline uint32_t descriptor_address(const void* shared) { return static_cast<uint32_t>(static_cast<const unsigned char*>(shared) - emulation::shared_memory); }
inline void show_to_tensor_cores() {}
inline void after_wait(float (&)[32][4]) {}
inline void warpgroup_arrive(ENGINE_PLACE_PARAMETERS) { emulation::warp_operation(0xffffffffu, &emulation::resolve_nothing, nullptr, {"warpgroup_arrive", file, line}); }
inline void warpgroup_commit(ENGINE_PLACE_PARAMETERS) { emulation::warp_operation(0xffffffffu, &emulation::resolve_commit, nullptr, {"warpgroup_commit", file, line}); }

template <int left>
void warpgroup_wait(ENGINE_PLACE_PARAMETERS) {
  emulation::warp_operation(0xffffffffu, &emulation::resolve_wait<left>, nullptr, {"warpgroup_wait", file, line});
}

template <int input>
void warpgroup_multiply_add(float (&d)[32][4], uint64_t a, uint64_t b, ENGINE_PLACE_PARAMETERS) {
  emulation::product_payload payload{&d[0][0], a, b, input};
  emulation::warp_operation(0xffffffffu, &emulation::resolve_product, &payload, {"warpgroup_multiply_add", file, line});
}

}  // namespace engine

#endif

namespace engine {

/// 128 × 256 by two warp groups, 64 rows each; `input`: 0 bfloat16, 2 float8. Shared memory: stages * stage_bytes from a multiple of 1024 on.
template <int stages, int input>
struct warpgroup_product : tile_product<128, 256, 128, stages, 8, 1, input> {
  using base = tile_product<128, 256, 128, stages, 8, 1, input>;
  static_assert(stages >= 3, "one stage is multiplied, one may still be read, one is on its way");

  /// Where the stages begin: at a multiple of 1024 bytes, for which 1024 more are asked for.
  static ENGINE_DEVICE uint8_t* aligned(uint8_t* memory) { return memory + (1024 - descriptor_address(memory) % 1024) % 1024; }

  /// As tile_product::run. One slice's products stay in flight while the next slice's begin, so that a stage is refilled two slices after it was read.
  template <class left_copier, class right_copier>
  ENGINE_DEVICE void run(uint8_t* shared, int count, left_copier&& copy_left, right_copier&& copy_right) {
    base::clear();
#if defined(ENGINE_EMULATE)
    emulation::forget_products();
#endif
    base::template begin<stages - 2>(shared, count, copy_left, copy_right);

    const uint32_t first = descriptor_address(shared);
    const int group = threadIdx.x >> 7;
    int reading = 0, writing = stages - 2;
    for (int slice = 0; slice < count; slice++) {
      copy_async_wait<stages - 3>();
      show_to_tensor_cores();
      __syncthreads();
      if (slice + stages - 2 < count) {
        copy_left(shared + writing * base::stage_bytes);
        copy_right(shared + writing * base::stage_bytes + 128 * 128);
      }
      copy_async_commit();
      const uint64_t left = swizzled_descriptor(first + reading * base::stage_bytes + group * 64 * 128);
      const uint64_t right = swizzled_descriptor(first + reading * base::stage_bytes + 128 * 128);
      warpgroup_arrive();
      // 16 numbers of the sum, or 32 of eight bits, are 32 bytes, two units of a descriptor's address.
#pragma unroll
      for (int step = 0; step < 4; step++) warpgroup_multiply_add<input>(this->sums[0], left + 2 * step, right + 2 * step);
      warpgroup_commit();
      warpgroup_wait<1>();
      reading = reading + 1 == stages ? 0 : reading + 1;
      writing = writing + 1 == stages ? 0 : writing + 1;
    }
    warpgroup_wait<0>();
    after_wait(this->sums[0]);
  }
};

}  // namespace engine
