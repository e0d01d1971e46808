// Shared memory: arrays in one stretch with guard zones between them, poisoned for every block. Part of engine_emulation.h.
#pragma once

namespace emulation {

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

}  // namespace emulation
