// Runs a kernel source on the CPU: g++ -std=c++17 -O1 -ffp-contract=off -fPIC -shared -fvisibility=hidden -Wno-unknown-pragmas -DENGINE_EMULATE -x c++ Kernel.cu
// makes a library that exports the three functions at the end. For correctness, not for speed.
//
// The threads of a block are fibers of the calling thread; blocks run one after another. Barriers, shuffles, votes, ldmatrix and mma are places where fibers wait
// for each other: the last to come does the operation for all. Three orders of fibers and blocks show what a missing barrier hides: in ascending order a
// warp runs as far as it can before the next begins, descending is the contrary, shuffled mixes warps step by step. Asynchronous copies happen at their wait in
// ascending order, at once in descending order, and by chance in shuffled order. Shared memory is filled with bytes of 0xFF (NaN in every type) for every
// block, with guard zones behind each array; what is not reported as an error is then a NaN in the result.
// A block must not wait for another block, and a kernel's local objects must not need destructors.
#pragma once

#include <sys/mman.h>

#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct alignas(8) uint2 { unsigned x, y; };
struct uint3 { unsigned x, y, z; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };

inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

#pragma GCC visibility push(hidden)

namespace emulation {

constexpr int warp_size = 32, most_threads = 1024, stack_bytes = 64 << 10, most_arrays = 24, guard_bytes = 512;
constexpr size_t most_shared_bytes = 227 << 10, most_static_bytes = 48 << 10;
constexpr unsigned char poison = 0xFF;

enum class state : uint8_t { ready, at_block_barrier, at_named_barrier, at_warp_operation, ended };

struct place { const char* name; const char* file; int line; };

struct copy { void* to; const void* from; bool valid; int group; };

using resolver = void (*)(void** payloads, uint32_t mask, int first_thread);

struct fiber {
  void* stack_pointer;
  uint3 thread;
  int index;
  state where;
  place at;
  int barrier, barrier_threads;
  uint32_t mask;
  resolver resolve;
  void* payload;
  copy* copies;
  int copy_count, copy_room, group;
#if !defined(__x86_64__)
  ucontext_t context;
#endif
};

struct registration {
  registration(const char* name, void (*call)(void**), int threads) : name(name), call(call), threads(threads), next(first) { first = this; }
  const char* name;
  void (*call)(void**);
  int threads;
  registration* next;
  static inline registration* first = nullptr;
};

struct shared_region { const void* function; int line; unsigned char* start; size_t bytes; };

inline fiber fibers[most_threads];
inline fiber* current;
inline unsigned char* stacks;
inline void* scheduler_stack;
inline int thread_count;
inline uint3 block_index, block_dimension, grid_dimension;
inline const registration* kernel;
inline void** kernel_arguments;
inline unsigned char* shared_memory;
inline shared_region regions[most_arrays];
inline int region_count;
inline size_t shared_used, dynamic_bytes;
inline int block_waiting, warp_waiting[most_threads / warp_size], named_waiting[16];
inline bool failed;
inline int order_of_launch;
inline uint64_t random_state;
inline thread_local char error_text[1024];
inline thread_local int order_mode;
inline thread_local uint64_t order_seed;
inline volatile char launch_lock;
#if !defined(__x86_64__)
inline ucontext_t scheduler_context;
#endif

inline uint32_t next_random() {
  random_state += 0x9E3779B97F4A7C15ull;
  uint64_t z = random_state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return static_cast<uint32_t>(z >> 32);
}

template <class T>
void shuffle(T* values, int count) {
  for (int i = count - 1; i > 0; i--) std::swap(values[i], values[next_random() % static_cast<uint32_t>(i + 1)]);
}

// ---- Fibers ----------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
extern "C" __attribute__((visibility("hidden"))) void engine_emulation_switch(void** save, void* load);
asm(R"(
  .text
  .p2align 4
  .local engine_emulation_switch
  .type engine_emulation_switch, @function
engine_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size engine_emulation_switch, .-engine_emulation_switch
)");
#endif

inline void to_scheduler() {
#if defined(__x86_64__)
  engine_emulation_switch(&current->stack_pointer, scheduler_stack);
#else
  swapcontext(&current->context, &scheduler_context);
#endif
}

inline void run(fiber& f) {
  current = &f;
#if defined(__x86_64__)
  engine_emulation_switch(&scheduler_stack, f.stack_pointer);
#else
  swapcontext(&scheduler_context, &f.context);
#endif
}

[[noreturn]] inline void leave() {
  to_scheduler();
  abort();
}

inline int describe(char* text, size_t room, const fiber& f) {
  return snprintf(text, room, "thread (%u, %u, %u)", f.thread.x, f.thread.y, f.thread.z);
}

/// Notes the first error of a launch, with where it was; the fiber that calls does not go on.
[[noreturn]] __attribute__((format(printf, 1, 2))) inline void fail(const char* format, ...) {
  if (!failed) {
    failed = true;
    int at = snprintf(error_text, sizeof error_text, "%s: block (%u, %u, %u), ", kernel->name, block_index.x, block_index.y, block_index.z);
    at += describe(error_text + at, sizeof error_text - at, *current);
    at += snprintf(error_text + at, sizeof error_text - at, ": ");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error_text + at, sizeof error_text - at, format, arguments);
    va_end(arguments);
  }
  current->where = state::ended;
  leave();
}

[[noreturn]] inline void fiber_main() {
  kernel->call(kernel_arguments);
  current->where = state::ended;
  leave();
}

inline void prepare(fiber& f, int index) {
  f.index = index;
  f.thread = {index % block_dimension.x, index / block_dimension.x % block_dimension.y, index / (block_dimension.x * block_dimension.y)};
  f.where = state::ready;
  f.copy_count = f.group = 0;
  unsigned char* stack = stacks + static_cast<size_t>(index) * stack_bytes;
  memset(stack, poison, 64);
#if defined(__x86_64__)
  // Six registers, the address that `ret` takes, and a word so that the function finds the stack as after a call.
  void** top = reinterpret_cast<void**>(stack + stack_bytes) - 8;
  memset(top, 0, 8 * sizeof(void*));
  top[6] = reinterpret_cast<void*>(&fiber_main);
  f.stack_pointer = top;
#else
  getcontext(&f.context);
  f.context.uc_stack.ss_sp = stack;
  f.context.uc_stack.ss_size = stack_bytes;
  f.context.uc_link = nullptr;
  makecontext(&f.context, reinterpret_cast<void (*)()>(&fiber_main), 0);
#endif
}

// ---- Shared memory ---------------------------------------------------------------------------------------------------------

inline size_t rounded(size_t bytes) { return (bytes + 127) / 128 * 128; }

/// The array that a line of a kernel declares: the same for all threads of a block.
inline unsigned char* shared_array_at(const void* function, int line, size_t bytes) {
  for (int i = 0; i < region_count; i++) {
    if (regions[i].function == function && regions[i].line == line) return regions[i].start;
  }
  if (region_count == most_arrays) fail("more than %d shared arrays", most_arrays);
  size_t statics = bytes;
  for (int i = 0; i < region_count; i++) statics += regions[i].function ? rounded(regions[i].bytes) : 0;
  if (statics > most_static_bytes) fail("%zu bytes of shared arrays, there are %zu; use dynamic shared memory", statics, most_static_bytes);
  if (statics + dynamic_bytes > most_shared_bytes) fail("%zu bytes of shared memory, there are %zu", statics + dynamic_bytes, most_shared_bytes);
  unsigned char* start = shared_memory + shared_used;
  regions[region_count++] = {function, line, start, bytes};
  shared_used += rounded(bytes) + guard_bytes;
  return start;
}

inline void check_shared(const void* address, size_t bytes, size_t alignment, const char* what) {
  if (reinterpret_cast<uintptr_t>(address) % alignment != 0) fail("%s: the shared address is not a multiple of %zu", what, alignment);
  const unsigned char* start = static_cast<const unsigned char*>(address);
  for (int i = 0; i < region_count; i++) {
    if (start >= regions[i].start && start + bytes <= regions[i].start + regions[i].bytes) return;
  }
  fail("%s: %zu bytes at an address outside the shared arrays", what, bytes);
}

inline void check_global(const void* address, size_t alignment, const char* what) {
  if (reinterpret_cast<uintptr_t>(address) % alignment != 0) fail("%s: the address %p is not a multiple of %zu", what, address, alignment);
}

/// What ENGINE_SHARED declares: used as an array it is checked, used as a pointer it is not.
template <class T>
struct shared_array {
  T* start;
  size_t count;
  template <class I>
  T& operator[](I index) const {
    if (static_cast<size_t>(index) >= count) fail("element %lld of a shared array of %zu", static_cast<long long>(index), count);
    return start[index];
  }
  operator T*() const { return start; }
  template <class I>
  T* operator+(I offset) const { return start + offset; }
};

template <class T>
shared_array<T> declare_shared(const void* function, int line, size_t count) {
  return {reinterpret_cast<T*>(shared_array_at(function, line, count * sizeof(T))), count};
}

template <class T>
shared_array<T> dynamic_shared() {
  return {reinterpret_cast<T*>(regions[0].start), regions[0].bytes / sizeof(T)};
}

inline void begin_shared() {
  memset(shared_memory, poison, most_shared_bytes + most_arrays * (guard_bytes + 128));
  region_count = 0;
  shared_used = 0;
  regions[region_count++] = {nullptr, 0, shared_memory, dynamic_bytes};
  shared_used = rounded(dynamic_bytes) + guard_bytes;
}

/// Nothing may have been written between the arrays.
inline bool guards_are_intact() {
  for (int i = 0; i < region_count; i++) {
    const unsigned char* guard = regions[i].start + regions[i].bytes;
    for (size_t k = 0; k < rounded(regions[i].bytes) - regions[i].bytes + guard_bytes; k++) {
      if (guard[k] != poison) {
        snprintf(error_text, sizeof error_text, "%s: block (%u, %u, %u): written %zu bytes behind the shared array of line %d (%zu bytes; line 0 is dynamic memory)",
                 kernel->name, block_index.x, block_index.y, block_index.z, k, regions[i].line, regions[i].bytes);
        return false;
      }
    }
  }
  return true;
}

// ---- Where fibers meet -----------------------------------------------------------------------------------------------------

inline bool same_place(const place& a, const place& b) { return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0); }

inline const char* file_name(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

inline void block_barrier(place at) {
  current->where = state::at_block_barrier;
  current->at = at;
  if (++block_waiting == thread_count) {
    block_waiting = 0;
    for (int i = 0; i < thread_count; i++) {
      if (!same_place(fibers[i].at, at)) fail("%s at line %d meets %s at line %d of another thread", at.name, at.line, fibers[i].at.name, fibers[i].at.line);
    }
    for (int i = 0; i < thread_count; i++) fibers[i].where = state::ready;
  }
  to_scheduler();
}

inline void named_barrier_at(int id, int threads, place at) {
  if (id < 1 || id > 15 || threads < warp_size || threads > thread_count || threads % warp_size != 0)
    fail("barrier %d of %d threads: the number must be 1 … 15, the threads a multiple of 32 up to the block's %d", id, threads, thread_count);
  current->where = state::at_named_barrier;
  current->at = at;
  current->barrier = id;
  current->barrier_threads = threads;
  for (int i = 0; i < thread_count; i++) {
    const fiber& f = fibers[i];
    if (f.where == state::at_named_barrier && f.barrier == id && f.barrier_threads != threads)
      fail("barrier %d is waited for with %d and with %d threads", id, threads, f.barrier_threads);
  }
  if (++named_waiting[id] == threads) {
    named_waiting[id] = 0;
    for (int i = 0; i < thread_count; i++) {
      if (fibers[i].where == state::at_named_barrier && fibers[i].barrier == id) fibers[i].where = state::ready;
    }
  }
  to_scheduler();
}

/// Waits for the lanes of `mask`; the last to come lets `resolve` read and write everybody's payload.
inline void warp_operation(uint32_t mask, resolver resolve, void* payload, place at) {
  fiber& me = *current;
  int first = me.index / warp_size * warp_size, lane = me.index % warp_size;
  if (!(mask >> lane & 1)) fail("%s at line %d: the mask %08x does not name the calling lane %d", at.name, at.line, mask, lane);
  me.where = state::at_warp_operation;
  me.at = at;
  me.mask = mask;
  me.resolve = resolve;
  me.payload = payload;
  int& waiting = warp_waiting[first / warp_size];
  waiting++;
  if (first + warp_size - __builtin_clz(mask) > thread_count) fail("%s at line %d: the mask %08x names lanes that the block of %d threads does not have", at.name, at.line, mask, thread_count);
  if (waiting < __builtin_popcount(mask)) return to_scheduler();
  void* payloads[warp_size] = {};
  for (int l = 0; l < warp_size; l++) {
    if (!(mask >> l & 1)) continue;
    const fiber& other = fibers[first + l];
    if (other.where != state::at_warp_operation || other.resolve != resolve || other.mask != mask || !same_place(other.at, at)) return to_scheduler();
    payloads[l] = other.payload;
  }
  resolve(payloads, mask, first);
  waiting -= __builtin_popcount(mask);
  for (int l = 0; l < warp_size; l++) {
    if (mask >> l & 1) fibers[first + l].where = state::ready;
  }
  to_scheduler();
}

/// Called when nobody can go on: names a thread that waits and one that keeps it waiting.
inline void report_deadlock() {
  const fiber* waiting = nullptr;
  for (int i = 0; i < thread_count && !waiting; i++) {
    if (fibers[i].where != state::ended) waiting = &fibers[i];
  }
  const fiber* other = nullptr;
  for (int i = 0; i < thread_count && !other; i++) {
    const fiber& f = fibers[i];
    if (waiting->where == state::at_warp_operation && i / warp_size != waiting->index / warp_size) continue;
    if (waiting->where == state::at_warp_operation && !(waiting->mask >> i % warp_size & 1)) continue;
    const bool other_mask = f.where == state::at_warp_operation && f.mask != waiting->mask;
    if (f.where != waiting->where || !same_place(f.at, waiting->at) || other_mask) other = &f;
  }
  int at = snprintf(error_text, sizeof error_text, "%s: block (%u, %u, %u): ", kernel->name, block_index.x, block_index.y, block_index.z);
  at += describe(error_text + at, sizeof error_text - at, *waiting);
  at += snprintf(error_text + at, sizeof error_text - at, " waits at %s (%s:%d)", waiting->at.name, file_name(waiting->at.file), waiting->at.line);
  if (!other) {
    snprintf(error_text + at, sizeof error_text - at, " for more threads than come");
    return;
  }
  at += snprintf(error_text + at, sizeof error_text - at, ", where ");
  at += describe(error_text + at, sizeof error_text - at, *other);
  if (other->where == state::ended) snprintf(error_text + at, sizeof error_text - at, " never comes: it has ended");
  else snprintf(error_text + at, sizeof error_text - at, " does not come: it waits at %s (%s:%d)", other->at.name, file_name(other->at.file), other->at.line);
}

// ---- Launch ----------------------------------------------------------------------------------------------------------------

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

// ---- Asynchronous copies ---------------------------------------------------------------------------------------------------

inline void carry_out(const copy& c) {
  if (c.valid) memcpy(c.to, c.from, 16);
  else memset(c.to, 0, 16);
}

inline void begin_copy(void* to, const void* from, bool valid) {
  check_shared(to, 16, 16, "copy_async_16");
  if (valid) check_global(from, 16, "copy_async_16");
  fiber& f = *current;
  copy c{to, from, valid, f.group};
  if (order_of_launch == 1 || (order_of_launch == 2 && (next_random() & 1))) return carry_out(c);
  if (f.copy_count == f.copy_room) {
    f.copy_room = f.copy_room ? 2 * f.copy_room : 64;
    f.copies = static_cast<copy*>(realloc(f.copies, static_cast<size_t>(f.copy_room) * sizeof(copy)));
  }
  f.copies[f.copy_count++] = c;
}

inline void finish_copies(fiber& f, int left) {
  int kept = 0;
  for (int i = 0; i < f.copy_count; i++) {
    if (f.copies[i].group < f.group - left) carry_out(f.copies[i]);
    else f.copies[kept++] = f.copies[i];
  }
  f.copy_count = kept;
}

// ---- Warp operations -------------------------------------------------------------------------------------------------------

enum class shuffle_kind { index, up, down, exclusive_or };

template <class T>
struct shuffle_payload { T value; int argument, width; T result; };

template <class T, shuffle_kind kind>
void resolve_shuffle(void** payloads, uint32_t mask, int) {
  for (int lane = 0; lane < warp_size; lane++) {
    if (!(mask >> lane & 1)) continue;
    auto& mine = *static_cast<shuffle_payload<T>*>(payloads[lane]);
    int begin = lane / mine.width * mine.width, from = lane;
    if (kind == shuffle_kind::index) from = begin + (mine.argument & (mine.width - 1));
    else if (kind == shuffle_kind::up) from = lane - mine.argument < begin ? lane : lane - mine.argument;
    else if (kind == shuffle_kind::down) from = lane + mine.argument >= begin + mine.width ? lane : lane + mine.argument;
    else from = (lane ^ mine.argument) >= begin + mine.width ? lane : lane ^ mine.argument;
    if (mask >> from & 1) mine.result = static_cast<shuffle_payload<T>*>(payloads[from])->value;
    else memset(&mine.result, poison, sizeof(T));
  }
}

template <class T, shuffle_kind kind>
T shuffle_lanes(uint32_t mask, T value, int argument, int width, place at) {
  if (width < 1 || width > warp_size || (width & (width - 1)) != 0) fail("%s at line %d: the width %d is not a power of two up to 32", at.name, at.line, width);
  shuffle_payload<T> payload{value, argument, width, value};
  warp_operation(mask, &resolve_shuffle<T, kind>, &payload, at);
  return payload.result;
}

struct vote_payload { bool value; uint32_t result; };

inline void resolve_vote(void** payloads, uint32_t mask, int) {
  uint32_t result = 0;
  for (int lane = 0; lane < warp_size; lane++) {
    if (mask >> lane & 1 && static_cast<vote_payload*>(payloads[lane])->value) result |= 1u << lane;
  }
  for (int lane = 0; lane < warp_size; lane++) {
    if (mask >> lane & 1) static_cast<vote_payload*>(payloads[lane])->result = result;
  }
}

inline uint32_t vote(uint32_t mask, bool value, place at) {
  vote_payload payload{value, 0};
  warp_operation(mask, &resolve_vote, &payload, at);
  return payload.result;
}

inline void resolve_nothing(void**, uint32_t, int) {}

}  // namespace emulation

// ---- What CUDA declares ----------------------------------------------------------------------------------------------------

#define threadIdx (::emulation::current->thread)
#define blockIdx (::emulation::block_index)
#define blockDim (::emulation::block_dimension)
#define gridDim (::emulation::grid_dimension)

#define ENGINE_KERNEL(name, parameters) ENGINE_KERNEL_BOUNDS(name, ::emulation::most_threads, 1, parameters)
#define ENGINE_KERNEL_BOUNDS(name, threads, blocks, parameters) \
  static void name parameters; \
  static ::emulation::registration engine_registration_##name(#name, &::emulation::caller<decltype(name), &name>::call, threads); \
  static void name parameters
#define ENGINE_SHARED(type, name, count) const auto name = ::emulation::declare_shared<type>(__PRETTY_FUNCTION__, __LINE__, count)
#define ENGINE_DYNAMIC_SHARED(type, name) const auto name = ::emulation::dynamic_shared<type>()
#define ENGINE_CHECK(condition) ((condition) ? (void)0 : ::emulation::fail("line %d: %s does not hold", __LINE__, #condition))
#define ENGINE_PLACE_PARAMETERS const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(ENGINE_PLACE_PARAMETERS) { emulation::block_barrier({"__syncthreads", file, line}); }
inline void __syncwarp(unsigned mask = 0xffffffffu, ENGINE_PLACE_PARAMETERS) { emulation::warp_operation(mask, &emulation::resolve_nothing, nullptr, {"__syncwarp", file, line}); }
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, ENGINE_PLACE_PARAMETERS) {
  return emulation::shuffle_lanes<T, emulation::shuffle_kind::index>(mask, value, lane, width, {"__shfl_sync", file, line});
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, ENGINE_PLACE_PARAMETERS) {
  return emulation::shuffle_lanes<T, emulation::shuffle_kind::up>(mask, value, static_cast<int>(delta), width, {"__shfl_up_sync", file, line});
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, ENGINE_PLACE_PARAMETERS) {
  return emulation::shuffle_lanes<T, emulation::shuffle_kind::down>(mask, value, static_cast<int>(delta), width, {"__shfl_down_sync", file, line});
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, ENGINE_PLACE_PARAMETERS) {
  return emulation::shuffle_lanes<T, emulation::shuffle_kind::exclusive_or>(mask, value, lanes, width, {"__shfl_xor_sync", file, line});
}

inline unsigned __ballot_sync(unsigned mask, int value, ENGINE_PLACE_PARAMETERS) { return emulation::vote(mask, value != 0, {"__ballot_sync", file, line}); }
inline int __any_sync(unsigned mask, int value, ENGINE_PLACE_PARAMETERS) { return emulation::vote(mask, value != 0, {"__any_sync", file, line}) != 0; }
inline int __all_sync(unsigned mask, int value, ENGINE_PLACE_PARAMETERS) { return emulation::vote(mask, value != 0, {"__all_sync", file, line}) == mask; }

inline float __uint_as_float(unsigned x) {
  float result;
  memcpy(&result, &x, 4);
  return result;
}

inline unsigned __float_as_uint(float x) {
  unsigned result;
  memcpy(&result, &x, 4);
  return result;
}

inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
inline int __ffs(unsigned x) { return __builtin_ffs(static_cast<int>(x)); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

template <class T>
T __ldg(const T* from) { return *from; }

template <class T>
T atomicAdd(T* to, T value) {
  T before = *to;
  *to = before + value;
  return before;
}

template <class T>
T atomicMax(T* to, T value) {
  T before = *to;
  if (value > before) *to = value;
  return before;
}

template <class T>
T atomicOr(T* to, T value) {
  T before = *to;
  *to = before | value;
  return before;
}

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long long min(long long a, long long b) { return a < b ? a : b; }
inline long long max(long long a, long long b) { return a > b ? a : b; }

#pragma GCC visibility pop

extern "C" {

/// Runs a kernel of this library to its end on the calling thread. Arguments as cuLaunchKernel takes them; device pointers are host pointers. 0, or not 0 with
/// eng_emulate_error. Calls of several threads take turns.
__attribute__((visibility("default"), used)) int32_t eng_emulate_launch(
    const char* function, const uint32_t grid[3], const uint32_t block[3], uint32_t dynamic_shared_bytes, void** args) {
  while (__atomic_test_and_set(&emulation::launch_lock, __ATOMIC_ACQUIRE)) {
  }
  int32_t status = emulation::launch(function, grid, block, dynamic_shared_bytes, args);
  __atomic_clear(&emulation::launch_lock, __ATOMIC_RELEASE);
  return status;
}

/// What went wrong in the calling thread's last launch: kernel, block, thread, cause; empty when nothing did.
__attribute__((visibility("default"), used)) const char* eng_emulate_error(void) { return emulation::error_text; }

/// The order of fibers and blocks in the calling thread's launches: 0 ascending, 1 descending, 2 shuffled by `seed`.
__attribute__((visibility("default"), used)) void eng_emulate_order(int32_t mode, uint64_t seed) {
  emulation::order_mode = mode;
  emulation::order_seed = seed;
}

}  // extern "C"
