// The threads of a block as fibers of the calling thread, and what the emulation knows of the launch. Part of engine_emulation.h.
#pragma once

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
#if !ENGINE_OWN_SWITCH
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
#if !ENGINE_OWN_SWITCH
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

#if ENGINE_OWN_SWITCH
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
#if ENGINE_OWN_SWITCH
  engine_emulation_switch(&current->stack_pointer, scheduler_stack);
#else
  swapcontext(&current->context, &scheduler_context);
#endif
}

inline void run(fiber& f) {
  current = &f;
#if ENGINE_OWN_SWITCH
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
#if ENGINE_OWN_SWITCH
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

}  // namespace emulation
