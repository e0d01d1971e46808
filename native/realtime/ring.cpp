// The ring: making and opening its file, and what writers, robots and operators do with it.
#include "internal.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/futex.h>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace eng_rt {

static thread_local char last_error[512] = "";

int32_t fail(int32_t status, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

int64_t monotonic_ns() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

Ring::~Ring() {
    if (memory) munmap(memory, bytes);
    if (file >= 0) close(file);
}

bool lock(int file, int64_t byte) {
    struct flock range = {};
    range.l_type = F_WRLCK;
    range.l_start = byte;
    range.l_len = 1;
    return fcntl(file, F_OFD_SETLK, &range) == 0;
}

bool is_locked_elsewhere(int file, int64_t byte) {
    struct flock range = {};
    range.l_type = F_WRLCK;
    range.l_start = byte;
    range.l_len = 1;
    return fcntl(file, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

uint32_t slot_bytes(int32_t horizon, int32_t width) { return (kChunkHead + 4 * static_cast<uint32_t>(horizon * width) + 63) & ~63u; }

static bool map(Ring& ring) {
    void* memory = mmap(nullptr, ring.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.file, 0);
    if (memory == MAP_FAILED) return false;
    ring.memory = static_cast<uint8_t*>(memory);
    return true;
}

// A file of ours at this path that no living tick holds is taken away; anything else is left alone.
static int32_t clear(const char* path) {
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return errno == ENOENT ? ENG_RT_OK : fail(ENG_RT_ESYSTEM, "%s: %s", path, strerror(errno));
    uint32_t magic = 0;
    bool is_ring = pread(file, &magic, sizeof magic, 0) == static_cast<ssize_t>(sizeof magic) && magic == kMagic;
    int32_t pid = 0;
    bool lives = is_ring && is_locked_elsewhere(file, 0);
    if (lives && pread(file, &pid, sizeof pid, offsetof(Head, pid)) < 0) pid = 0;
    close(file);
    if (!is_ring) return fail(ENG_RT_ERING, "%s is there and is no ring; choose another path", path);
    if (lives) return fail(ENG_RT_EBUSY, "a tick (process %d) owns %s already; end it with SIGTERM or choose another path", pid, path);
    return unlink(path) == 0 || errno == ENOENT ? ENG_RT_OK : fail(ENG_RT_ESYSTEM, "%s: %s", path, strerror(errno));
}

static int32_t make(eng_rt_tick& tick, const char* path) {
    int32_t status = clear(path);
    if (status) return status;
    tick.file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (tick.file < 0) return fail(ENG_RT_ESYSTEM, "%s: %s", path, strerror(errno));
    tick.path = strdup(path);
    tick.slot = slot_bytes(tick.config.horizon, tick.config.width);
    tick.bytes = (kChunks + kSlots * tick.slot + 4095) & ~size_t{4095};
    if (!lock(tick.file, 0)) return fail(ENG_RT_EBUSY, "another tick took %s first", path);
    if (fchmod(tick.file, 0600) != 0 || posix_fallocate(tick.file, 0, static_cast<off_t>(tick.bytes)) != 0 || !map(tick))
        return fail(ENG_RT_ESYSTEM, "%s: %zu bytes cannot be had: %s", path, tick.bytes, strerror(errno));
    Head& head = *tick.at<Head>(0);
    head.version = kVersion;
    head.bytes = static_cast<uint32_t>(tick.bytes);
    head.slots = kSlots;
    head.slot_bytes = tick.slot;
    head.chunks = kChunks;
    head.publications = kPublications;
    head.publication_bytes = sizeof(Publication);
    head.pid = getpid();
    head.config = tick.config;
    store(&head.magic, kMagic);
    return ENG_RT_OK;
}

static int32_t open_ring(eng_rt_ring& ring, const char* path, bool writer) {
    ring.file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat about;
    if (ring.file < 0 || fstat(ring.file, &about) != 0)
        return fail(errno == ENOENT ? ENG_RT_EAGAIN : ENG_RT_ESYSTEM, "%s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode) || (about.st_mode & 077) != 0 || about.st_uid != geteuid())
        return fail(ENG_RT_ERING, "%s is no file that only this user can use (mode 0600)", path);
    if (about.st_size < kChunks || about.st_size > INT32_MAX) return fail(ENG_RT_ERING, "%s has %lld bytes: no ring", path, static_cast<long long>(about.st_size));
    ring.bytes = static_cast<size_t>(about.st_size);
    if (!map(ring)) return fail(ENG_RT_ESYSTEM, "mapping %s: %s", path, strerror(errno));
    const Head& head = *ring.at<Head>(0);
    if (load(&head.magic) != kMagic || head.version != kVersion) return fail(ENG_RT_ERING, "%s is no ring of version %u", path, kVersion);
    copy_in(&ring.config, &head.config, sizeof ring.config);
    int32_t status = check(ring.config);
    if (status) return fail(ENG_RT_ERING, "%s holds a configuration that cannot be", path);
    if (kChunks + kSlots * static_cast<uint64_t>(slot_bytes(ring.config.horizon, ring.config.width)) > ring.bytes) return fail(ENG_RT_ERING, "%s is too short", path);
    if (!is_locked_elsewhere(ring.file, 0)) return fail(ENG_RT_EGONE, "the tick that made %s has ended", path);
    if (writer && !lock(ring.file, 1)) return fail(ENG_RT_EBUSY, "%s has a writer already", path);
    ring.writer = writer;
    return ENG_RT_OK;
}

static int32_t futex(uint32_t* word, int operation, uint32_t value, const timespec* time) {
    return static_cast<int32_t>(syscall(SYS_futex, word, operation, value, time, nullptr, 0));
}

void wake(uint32_t* word) { futex(word, FUTEX_WAKE, INT_MAX, nullptr); }

// Waits out a write in progress, whose writer may have been put off its core; one that died inside leaves its record unreadable until it is written anew.
template <typename T>
static int32_t read_guarded(const Guarded<T>* from, T* to) {
    constexpr int kSpins = 100, kNaps = 200;
    for (int attempt = 0; attempt < kSpins + kNaps; attempt++) {
        uint64_t guard = load(&from->guard);
        if (guard % 2 == 0) {
            copy_in(to, &from->value, sizeof(T));
            if (unchanged(&from->guard, guard)) return ENG_RT_OK;
        }
        if (attempt >= kSpins) usleep(1000);
    }
    return fail(ENG_RT_EAGAIN, "the record is in the middle of a write");
}

static int32_t need(const eng_rt_ring* ring, bool writer) {
    if (!ring) return fail(ENG_RT_EARGUMENT, "the ring is missing");
    return writer && !ring->writer ? fail(ENG_RT_EARGUMENT, "this ring was not attached as a writer") : ENG_RT_OK;
}

}  // namespace eng_rt

using namespace eng_rt;

int32_t eng_rt_abi_version(int32_t* version) {
    if (!version) return fail(ENG_RT_EARGUMENT, "version is missing");
    *version = ENG_RT_ABI_VERSION;
    return ENG_RT_OK;
}

int32_t eng_rt_last_error(char* text, int32_t capacity) {
    if (!text || capacity < 1) return ENG_RT_EARGUMENT;
    snprintf(text, static_cast<size_t>(capacity), "%s", last_error);
    return ENG_RT_OK;
}

int32_t eng_rt_create(const char* path, const eng_rt_config* config, uint64_t config_size, eng_rt_tick** made) {
    if (!path || !config || !made || config_size != sizeof *config) return fail(ENG_RT_EARGUMENT, "an argument is missing, or the configuration is of another version");
    *made = nullptr;
    int32_t status = check(*config);
    if (status) return status;
    auto tick = std::unique_ptr<eng_rt_tick>(new (std::nothrow) eng_rt_tick);
    size_t numbers = static_cast<size_t>(config->horizon) * static_cast<size_t>(config->width);
    if (tick) {
        tick->config = *config;
        for (Chunk* chunk : {&tick->active, &tick->pending, &tick->incoming}) chunk->actions.reset(new (std::nothrow) float[numbers]());
    }
    if (!tick || !tick->active.actions || !tick->pending.actions || !tick->incoming.actions) return fail(ENG_RT_ESYSTEM, "no memory");
    tick->period = static_cast<int64_t>(1e9 / config->rate + 0.5);
    status = make(*tick, path);
    if (status) {
        if (tick->path) unlink(path);
        free(tick->path);
        return status;
    }
    tick->status.pid = getpid();
    *made = tick.release();
    return ENG_RT_OK;
}

int32_t eng_rt_destroy(eng_rt_tick* tick) {
    if (!tick) return ENG_RT_OK;
    int32_t status = tick->running ? eng_rt_finish(tick) : ENG_RT_OK;
    if (status) return status;
    unlink(tick->path);
    free(tick->path);
    delete tick;
    return ENG_RT_OK;
}

int32_t eng_rt_attach(const char* path, int32_t writer, eng_rt_ring** made) {
    if (!path || !made) return fail(ENG_RT_EARGUMENT, "path or ring is missing");
    *made = nullptr;
    auto ring = std::unique_ptr<eng_rt_ring>(new (std::nothrow) eng_rt_ring);
    if (!ring) return fail(ENG_RT_ESYSTEM, "no memory");
    int32_t status = open_ring(*ring, path, writer != 0);
    if (!status) *made = ring.release();
    return status;
}

int32_t eng_rt_detach(eng_rt_ring* ring) {
    delete ring;
    return ENG_RT_OK;
}

int32_t eng_rt_describe(const eng_rt_ring* ring, eng_rt_config* config, uint64_t config_size) {
    int32_t status = need(ring, false);
    if (status) return status;
    if (!config || config_size != sizeof *config) return fail(ENG_RT_EARGUMENT, "the configuration is missing or of another version");
    *config = ring->config;
    return ENG_RT_OK;
}

int32_t eng_rt_submit(eng_rt_ring* ring, uint64_t sequence, int64_t observed_ns, int64_t first_ns, const float* actions, int32_t rows) {
    int32_t status = need(ring, true);
    if (status) return status;
    if (!actions || rows < 1 || rows > ring->config.horizon)
        return fail(ENG_RT_EARGUMENT, "a chunk of %d actions, expected 1 to %d", actions ? rows : 0, ring->config.horizon);
    uint64_t* submitted = ring->at<uint64_t>(kSubmitted);
    uint64_t number = load(submitted);
    ChunkHead* slot = ring->chunk(number, slot_bytes(ring->config.horizon, ring->config.width));
    ChunkHead head = {0, sequence, observed_ns, first_ns, static_cast<uint32_t>(rows), static_cast<uint32_t>(ring->config.width)};
    open_record(&slot->guard);
    copy_out(&slot->sequence, &head.sequence, sizeof head - sizeof head.guard);
    copy_out(reinterpret_cast<uint8_t*>(slot) + kChunkHead, actions, 4 * head.rows * static_cast<size_t>(head.width));
    close_record(&slot->guard);
    store(submitted, number + 1);
    return ENG_RT_OK;
}

int32_t eng_rt_next_sequence(eng_rt_ring* ring, uint64_t* sequence) {
    int32_t status = need(ring, true);
    if (status) return status;
    if (!sequence) return fail(ENG_RT_EARGUMENT, "sequence is missing");
    eng_rt_status now;
    status = eng_rt_read_status(ring, &now, sizeof now);
    if (status) return status;
    uint64_t highest = now.chunk;
    // Chunks that the tick has not looked at yet.
    for (uint32_t i = 0; i < kSlots; i++) {
        const ChunkHead* slot = ring->chunk(i, slot_bytes(ring->config.horizon, ring->config.width));
        if (load(&slot->guard) % 2 == 0) highest = std::max(highest, load(&slot->sequence));
    }
    *sequence = highest + 1;
    return ENG_RT_OK;
}

int32_t eng_rt_anchor(eng_rt_ring* ring, const float* position) {
    int32_t status = need(ring, true);
    if (status) return status;
    if (!position) return fail(ENG_RT_EARGUMENT, "the position is missing");
    Anchor* anchor = ring->at<Anchor>(kAnchor);
    open_record(&anchor->guard);
    copy_out(anchor->position, position, 4 * static_cast<size_t>(ring->config.width));
    close_record(&anchor->guard);
    return ENG_RT_OK;
}

static int32_t count(eng_rt_ring* ring, bool writer, uint32_t offset) {
    int32_t status = need(ring, writer);
    if (!status) __atomic_fetch_add(ring->at<uint64_t>(offset), 1, __ATOMIC_RELEASE);
    return status;
}

int32_t eng_rt_beat(eng_rt_ring* ring) { return count(ring, true, kBeats); }
int32_t eng_rt_resume(eng_rt_ring* ring) { return count(ring, false, kResumes); }
int32_t eng_rt_stop(eng_rt_ring* ring) { return count(ring, false, kStops); }

int32_t eng_rt_read(eng_rt_ring* ring, uint64_t tick, eng_rt_publication* publication, uint64_t publication_size) {
    int32_t status = need(ring, false);
    if (status) return status;
    if (!publication || publication_size != sizeof *publication) return fail(ENG_RT_EARGUMENT, "the publication is missing or of another version");
    uint64_t newest = load(ring->at<uint64_t>(kNewest));
    if (tick == 0) tick = newest;
    if (tick == 0 || tick > newest) return fail(ENG_RT_EAGAIN, "tick %llu is not published yet", static_cast<unsigned long long>(tick));
    status = read_guarded(ring->publication(tick), publication);
    if (!status && publication->tick != tick) return fail(ENG_RT_EAGAIN, "tick %llu is overwritten", static_cast<unsigned long long>(tick));
    return status;
}

int32_t eng_rt_wait(eng_rt_ring* ring, uint64_t after, int64_t timeout_ns) {
    int32_t status = need(ring, false);
    if (status) return status;
    uint64_t* newest = ring->at<uint64_t>(kNewest);
    uint32_t* word = ring->at<uint32_t>(kNewest);
    uint32_t* sleepers = ring->at<uint32_t>(kSleepers);
    int64_t end = monotonic_ns() + timeout_ns;
    while (true) {
        uint32_t seen = load(word);
        if (load(newest) > after) return ENG_RT_OK;
        int64_t left = end - monotonic_ns();
        if (left <= 0) break;
        timespec time = {left / 1000000000, left % 1000000000};
        // Set anew by everyone who sleeps, cleared by the tick that wakes.
        __atomic_store_n(sleepers, 1, __ATOMIC_SEQ_CST);
        if (load(word) == seen) futex(word, FUTEX_WAIT, seen, &time);
    }
    if (!is_locked_elsewhere(ring->file, 0)) return fail(ENG_RT_EGONE, "the tick has ended");
    return fail(ENG_RT_EAGAIN, "no tick in time");
}

int32_t eng_rt_read_status(eng_rt_ring* ring, eng_rt_status* status, uint64_t status_size) {
    int32_t result = need(ring, false);
    if (result) return result;
    if (!status || status_size != sizeof *status) return fail(ENG_RT_EARGUMENT, "the status is missing or of another version");
    return read_guarded(ring->at<Status>(kStatus), status);
}
