// The thread that ticks, its permissions and its lateness.
#include "internal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>

using namespace eng_rt;

constexpr size_t kStack = 256 << 10, kTouched = 64 << 10;

// Four buckets an octave; the first four nanoseconds have one each.
int32_t eng_rt::bucket_of(int64_t ns) {
    if (ns < 4) return static_cast<int32_t>(std::max<int64_t>(ns, 0));
    int32_t octave = 63 - __builtin_clzll(static_cast<uint64_t>(ns));
    return std::min(4 * (octave - 1) + static_cast<int32_t>(ns >> (octave - 2) & 3), ENG_RT_BUCKETS - 1);
}

int64_t eng_rt_bucket_ns(int32_t bucket) {
    if (bucket < 4) return std::max(bucket, 0);
    return static_cast<int64_t>(4 + bucket % 4) << (bucket / 4 - 1);
}

void eng_rt_tick::record_lateness(int64_t ns) {
    status.lateness[bucket_of(ns)]++;
    status.lateness_max_ns = std::max(status.lateness_max_ns, ns);
}

static void* run(void* argument) {
    auto* tick = static_cast<eng_rt_tick*>(argument);
    pthread_setname_np(pthread_self(), "engine-tick");
    prctl(PR_SET_TIMERSLACK, 1);
    char touched[kTouched];
    std::memset(touched, 0, sizeof touched);
    __asm__ volatile("" : : "r"(touched) : "memory");
    int64_t due = monotonic_ns() + tick->period;
    while (true) {
        timespec time = {due / 1000000000, due % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
        }
        int64_t late = monotonic_ns() - due;
        int64_t skipped = std::max<int64_t>(late, 0) / tick->period;
        tick->status.missed += static_cast<uint64_t>(skipped);
        tick->record_lateness(late);
        due += skipped * tick->period;
        tick->step(due);
        due += tick->period;
        bool ended = tick->ending && (tick->status.state == ENG_RT_STOPPED || tick->status.state == ENG_RT_WAITING);
        if (ended) return nullptr;
    }
}

static int start_thread(eng_rt_tick* tick, int32_t priority) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStack);
    sched_param parameter = {};
    parameter.sched_priority = priority;
    tick->status.priority = priority;
    if (priority > 0) {
        pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
        pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
        pthread_attr_setschedparam(&attributes, &parameter);
    }
    int error = pthread_create(&tick->thread, &attributes, run, tick);
    pthread_attr_destroy(&attributes);
    return error;
}

int32_t eng_rt_start(eng_rt_tick* tick, int32_t priority, int32_t lock_memory) {
    if (!tick || tick->running || priority < 0 || priority > 99)
        return fail(ENG_RT_EARGUMENT, "the tick is missing or runs already, or the priority is not 0 to 99");
    tick->status.locked = lock_memory && mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
    int error = start_thread(tick, priority);
    if (error == EAGAIN && tick->status.locked) {
        // The thread's stack exceeds what may be locked.
        munlockall();
        tick->status.locked = 0;
        error = start_thread(tick, priority);
    }
    if (error == EPERM) error = start_thread(tick, 0);
    if (error) return fail(ENG_RT_ESYSTEM, "the tick's thread does not start: %s", strerror(error));
    tick->running = true;
    return ENG_RT_OK;
}

int32_t eng_rt_finish(eng_rt_tick* tick) {
    if (!tick || !tick->running) return fail(ENG_RT_EARGUMENT, "the tick is missing or does not run");
    tick->ending = true;
    pthread_join(tick->thread, nullptr);
    tick->running = false;
    return ENG_RT_OK;
}

int32_t eng_rt_step(eng_rt_tick* tick, int64_t now_ns) {
    if (!tick || tick->running) return fail(ENG_RT_EARGUMENT, "the tick is missing, or runs by itself");
    if (now_ns <= tick->now) return fail(ENG_RT_EARGUMENT, "time must grow from tick to tick");
    tick->step(now_ns);
    return ENG_RT_OK;
}
