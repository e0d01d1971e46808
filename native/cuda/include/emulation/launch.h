// Runs the blocks of a grid and the fibers of a block in the order that is asked for. Part of engine_emulation.h.
#pragma once

namespace emulation {

inline bool run_warp(int warp, bool descending, bool shuffled, bool to_the_end) {
  int first = warp * warp_size, count = thread_count - first < warp_size ? thread_count - first : warp_size;
  int lanes[warp_size];
  bool any = false;
  for (bool went = true; went;) {
    went = false;
    for (int l = 0; l < count; l++) lanes[l] = descending ? count - 1 - l : l;
    if (shuffled) shuffle(lanes, count);
    for (int l = 0; l < count && !failed; l++) {
      fiber& f = fibers[first + lanes[l]];
      if (f.where != state::ready) continue;
      went = any = true;
      run(f);
    }
    if (failed || !to_the_end) break;
  }
  return any;
}

inline bool run_block() {
  begin_shared();
  block_waiting = 0;
  memset(warp_waiting, 0, sizeof warp_waiting);
  memset(named_waiting, 0, sizeof named_waiting);
  for (int i = 0; i < thread_count; i++) prepare(fibers[i], i);
  bool descending = order_of_launch == 1, shuffled = order_of_launch == 2;
  int warps = (thread_count + warp_size - 1) / warp_size;
  int order[most_threads / warp_size];
  for (;;) {
    for (int w = 0; w < warps; w++) order[w] = descending ? warps - 1 - w : w;
    if (shuffled) shuffle(order, warps);
    bool any = false;
    for (int w = 0; w < warps; w++) any |= run_warp(order[w], descending, shuffled, !shuffled);
    if (failed) return false;
    if (!any) break;
  }
  for (int i = 0; i < thread_count; i++) {
    if (fibers[i].where != state::ended) {
      report_deadlock();
      return false;
    }
    const unsigned char* end = stacks + static_cast<size_t>(i) * stack_bytes;
    for (int k = 0; k < 64; k++) {
      if (end[k] != poison) {
        snprintf(error_text, sizeof error_text, "%s: thread %d used more than the %d bytes of stack that the emulation has", kernel->name, i, stack_bytes);
        return false;
      }
    }
  }
  return guards_are_intact();
}

inline int32_t launch(const char* name, const uint32_t grid[3], const uint32_t block[3], uint32_t dynamic_shared_bytes, void** arguments) {
  error_text[0] = 0;
  kernel = registration::first;
  while (kernel && strcmp(kernel->name, name) != 0) kernel = kernel->next;
  if (!kernel) {
    snprintf(error_text, sizeof error_text, "no kernel '%s' in this library", name);
    return 1;
  }
  uint64_t threads = static_cast<uint64_t>(block[0]) * block[1] * block[2], blocks = static_cast<uint64_t>(grid[0]) * grid[1] * grid[2];
  if (threads == 0 || threads > static_cast<uint64_t>(kernel->threads) || blocks == 0 || grid[0] > 0x7fffffffu || grid[1] > 65535 || grid[2] > 65535) {
    snprintf(error_text, sizeof error_text, "%s: a grid of (%u, %u, %u) blocks of (%u, %u, %u) threads; a block has 1 … %d threads, a grid at least one block and at most 65535 on y and z", name,
             grid[0], grid[1], grid[2], block[0], block[1], block[2], kernel->threads);
    return 1;
  }
  if (dynamic_shared_bytes > most_shared_bytes) {
    snprintf(error_text, sizeof error_text, "%s: %u bytes of dynamic shared memory, there are %zu", name, dynamic_shared_bytes, most_shared_bytes);
    return 1;
  }
  if (!stacks) {
    size_t bytes = static_cast<size_t>(most_threads) * stack_bytes;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      snprintf(error_text, sizeof error_text, "%s: no memory for the emulation's stacks", name);
      return 1;
    }
    stacks = static_cast<unsigned char*>(memory);
    shared_memory = static_cast<unsigned char*>(aligned_alloc(1024, rounded(most_shared_bytes + most_arrays * (guard_bytes + 128) + 1024) / 1024 * 1024));
  }
  thread_count = static_cast<int>(threads);
  grid_dimension = {grid[0], grid[1], grid[2]};
  block_dimension = {block[0], block[1], block[2]};
  dynamic_bytes = dynamic_shared_bytes;
  kernel_arguments = arguments;
  failed = false;
  order_of_launch = order_mode;
  random_state = order_seed;
  // A walk over all blocks by a step that shares no divisor with their number.
  uint64_t step = 1, start = 0;
  if (order_of_launch == 2) {
    start = next_random() % blocks;
    for (step = next_random() % blocks + 1; ; step++) {
      uint64_t a = step, b = blocks;
      while (b) std::swap(a %= b, b);
      if (a == 1) break;
    }
  }
  for (uint64_t i = 0; i < blocks; i++) {
    uint64_t linear = order_of_launch == 1 ? blocks - 1 - i : (start + i * step) % blocks;
    block_index = {static_cast<unsigned>(linear % grid[0]), static_cast<unsigned>(linear / grid[0] % grid[1]), static_cast<unsigned>(linear / grid[0] / grid[1])};
    if (!run_block()) return 1;
  }
  return 0;
}

template <class F, F* f>
struct caller;

template <class... P, void (*f)(P...)>
struct caller<void(P...), f> {
  static void call(void** arguments) { with(arguments, std::index_sequence_for<P...>()); }
  template <size_t... i>
  static void with([[maybe_unused]] void** arguments, std::index_sequence<i...>) { f(*static_cast<P*>(arguments[i])...); }
};

}  // namespace emulation
