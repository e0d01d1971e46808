// Asynchronous copies, shuffles and votes. Part of engine_emulation.h.
#pragma once

namespace emulation {

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
