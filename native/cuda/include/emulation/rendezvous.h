// Where fibers wait for each other: barriers of a block, operations of a warp. Part of engine_emulation.h.
#pragma once

namespace emulation {

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

}  // namespace emulation
