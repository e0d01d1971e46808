// Shared between the files of libeng_realtime; not part of the ABI.
#pragma once
#include "eng_realtime.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <pthread.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the ring is little-endian and is read as it is"
#endif

namespace eng_rt {

int32_t fail(int32_t status, const char* format, ...) __attribute__((format(printf, 2, 3)));
int64_t monotonic_ns();
int32_t bucket_of(int64_t ns);

// ---- the ring's layout (docs/realtime.md has the table) ----
constexpr uint32_t kMagic = 0x54474E45, kVersion = 1, kSlots = 4, kPublications = 64;
constexpr uint32_t kSubmitted = 4096, kBeats = 4160, kResumes = 4224, kStops = 4288, kAnchor = 4352;
constexpr uint32_t kNewest = 6144, kSleepers = 6208, kStatus = 8192, kPublication = 12288, kChunks = 32768;
constexpr uint32_t kChunkHead = 64;

struct Head {
    uint32_t magic, version, bytes, slots, slot_bytes, chunks, publications, publication_bytes;
    int32_t pid;
    uint32_t zero[7];
    eng_rt_config config;
};
struct ChunkHead {
    uint64_t guard, sequence;
    int64_t observed, first;
    uint32_t rows, width;
};
struct Anchor {
    uint64_t guard;
    float position[ENG_RT_MAX_WIDTH];
};
template <typename T>
struct Guarded {
    uint64_t guard;
    T value;
};
using Publication = Guarded<eng_rt_publication>;
using Status = Guarded<eng_rt_status>;
static_assert(sizeof(Head) <= 4096 && sizeof(ChunkHead) <= kChunkHead && kAnchor + sizeof(Anchor) <= kNewest && sizeof(Status) <= 4096);
static_assert(sizeof(Publication) == 304 && kPublication + kPublications * sizeof(Publication) <= kChunks);
static_assert(sizeof(eng_rt_dimension) == 48 && sizeof(eng_rt_config) == 1592 && sizeof(eng_rt_publication) == 296 && sizeof(eng_rt_status) == 1464);

// A mapped ring and the locks on its file: byte 0 belongs to the tick, byte 1 to the writer. They go with their holder, however it dies.
struct Ring {
    uint8_t* memory = nullptr;
    size_t bytes = 0;
    int file = -1;

    template <typename T>
    T* at(size_t offset) const { return reinterpret_cast<T*>(memory + offset); }
    ChunkHead* chunk(uint64_t number, uint32_t slot_bytes) const { return at<ChunkHead>(kChunks + number % kSlots * slot_bytes); }
    Publication* publication(uint64_t tick) const { return at<Publication>(kPublication + tick % kPublications * sizeof(Publication)); }

    ~Ring();
};
bool lock(int file, int64_t byte);
bool is_locked_elsewhere(int file, int64_t byte);
uint32_t slot_bytes(int32_t horizon, int32_t width);
void wake(uint32_t* word);

template <typename T>
T load(const T* from) { return __atomic_load_n(from, __ATOMIC_ACQUIRE); }
template <typename T>
void store(T* to, T value) { __atomic_store_n(to, value, __ATOMIC_RELEASE); }

// Copies word by word, so that a copy that races with a writer is torn but defined. Bytes are a multiple of 4.
using Word = uint32_t __attribute__((may_alias));
inline void copy_in(void* to, const void* from, size_t bytes) {
    for (size_t i = 0; i < bytes / 4; i++) static_cast<Word*>(to)[i] = __atomic_load_n(static_cast<const Word*>(from) + i, __ATOMIC_RELAXED);
}
inline void copy_out(void* to, const void* from, size_t bytes) {
    for (size_t i = 0; i < bytes / 4; i++) __atomic_store_n(static_cast<Word*>(to) + i, static_cast<const Word*>(from)[i], __ATOMIC_RELAXED);
}

// A record is whole when its guard is even, and the same before and after the copy. Opening one that a dead writer left odd makes it odd again, and higher.
inline void open_record(uint64_t* guard) {
    __atomic_store_n(guard, (__atomic_load_n(guard, __ATOMIC_RELAXED) + 1) | 1, __ATOMIC_RELAXED);
    std::atomic_thread_fence(std::memory_order_release);
}
inline void close_record(uint64_t* guard) { store(guard, __atomic_load_n(guard, __ATOMIC_RELAXED) + 1); }
inline bool unchanged(const uint64_t* guard, uint64_t before) {
    std::atomic_thread_fence(std::memory_order_acquire);
    return __atomic_load_n(guard, __ATOMIC_RELAXED) == before;
}

// ---- limits ----
struct Axis {
    double position = 0, velocity = 0;
};
// The velocity (unit/s) nearest to `wanted` that keeps the dimension's limits over this tick and leaves room to brake before the box's wall.
double limit(const eng_rt_dimension& dimension, const Axis& axis, double wanted, double period, uint32_t& limited);
// Greatest velocity from which braking at `acceleration`, tick by tick, ends within `distance`.
double brake(double distance, double acceleration, double period);
int32_t check(const eng_rt_config& config);

struct Chunk {
    uint64_t sequence = 0;
    int64_t observed = 0, first = 0;  // first 0: not begun yet
    int64_t taken = 0;
    int32_t rows = 0;  // 0: no chunk
    std::unique_ptr<float[]> actions;
};

}  // namespace eng_rt

struct eng_rt_ring : eng_rt::Ring {
    eng_rt_config config;  // this process's copy: what stands in the ring may change
    bool writer = false;
};

// All that is decided upon is in private memory; the ring is only read once (copied, then judged) and written.
struct eng_rt_tick : eng_rt::Ring {
    eng_rt_config config{};
    char* path = nullptr;
    int64_t period = 0;  // ns
    uint32_t slot = 0;
    eng_rt_status status{};
    eng_rt_publication publication{};
    eng_rt::Axis axes[ENG_RT_MAX_WIDTH];
    double ramp_from[ENG_RT_MAX_WIDTH]{};
    float held[ENG_RT_MAX_WIDTH]{};  // the action in effect, and the one that is held
    eng_rt::Chunk active, pending, incoming;
    uint64_t submitted = 0, beats = 0, resumes = 0, stops = 0, anchor = 0, torn_at = 0;
    int64_t now = 0, alive = 0;
    int64_t held_for = 0, ramped_for = 0;  // ticks
    bool anchored = false, resumed = false, latched = false, stopping = false;
    std::atomic<bool> ending{false};
    pthread_t thread{};
    bool running = false;

    void step(int64_t now_ns);
    void record_lateness(int64_t ns);

private:
    void take_requests();
    bool is_torn(const uint64_t* guard, uint64_t before);
    void take_anchor();
    void take_chunk();
    bool is_sound(const eng_rt::ChunkHead& head);
    bool is_fresh();
    bool may_begin(eng_rt::Chunk& chunk);
    bool keeps_limits(const eng_rt::Chunk& chunk) const;
    int64_t index() const;
    void choose(int64_t elapsed);
    void leave(int32_t state, int32_t reason);
    void move();
    void publish();
};
