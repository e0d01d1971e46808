/* The control tick: publishes one action a tick from the newest chunk, within limits, whatever happens to the program that makes the chunks.
 * docs/realtime.md says what it guarantees and how the ring is laid out. Linux, 64 bits, little-endian.
 * Every function returns 0 or one of ENG_RT_E…; eng_rt_last_error gives the calling thread's message. Times are CLOCK_MONOTONIC (ns). */
#ifndef ENG_REALTIME_H
#define ENG_REALTIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENG_RT_API __attribute__((visibility("default")))
#define ENG_RT_ABI_VERSION 1

enum {
    ENG_RT_OK = 0,
    ENG_RT_EARGUMENT = -1, /* an argument is wrong; nothing was done */
    ENG_RT_ESYSTEM = -2,   /* a system call failed */
    ENG_RT_ERING = -3,     /* the file is no ring of this version, or others may write it */
    ENG_RT_EBUSY = -4,     /* another tick, or another writer, holds this ring */
    ENG_RT_EAGAIN = -5,    /* not there (yet), overwritten, or in the middle of a write */
    ENG_RT_EGONE = -6      /* the tick that made this ring has ended */
};
enum { ENG_RT_MAX_WIDTH = 32, ENG_RT_MAX_HORIZON = 1024, ENG_RT_BUCKETS = 160 };

/* How a number of an action is meant. */
enum {
    ENG_RT_DELTA = 0,    /* displacement over one action period, in the dimension's unit */
    ENG_RT_ABSOLUTE = 1, /* position at the end of the action period */
    ENG_RT_SWITCH = 2    /* a command such as the gripper's: no velocity, kept when everything stops */
};
enum { ENG_RT_WAITING = 0, ENG_RT_RUNNING = 1, ENG_RT_HOLD = 2, ENG_RT_RAMP = 3, ENG_RT_STOPPED = 4 };
/* Why the tick last left ENG_RT_RUNNING. */
enum { ENG_RT_NO_REASON = 0, ENG_RT_RAN_OUT = 1, ENG_RT_HEARTBEAT = 2, ENG_RT_WRITER_GONE = 3, ENG_RT_STOP_ASKED = 4, ENG_RT_ENDING = 5 };
enum { ENG_RT_AT_POSITION = 1, ENG_RT_AT_VELOCITY = 2, ENG_RT_AT_ACCELERATION = 4 };

typedef struct eng_rt_dimension {
    int32_t kind;
    int32_t zero;
    double low, high;    /* box of the commanded position (of the value, for a switch); infinities for none */
    double velocity;     /* greatest speed (unit/s); infinity for none */
    double acceleration; /* greatest change of speed (unit/s2); infinity for none, finite needs a finite velocity */
    double safe;         /* of a switch: its value once stopped; NaN keeps the last one */
} eng_rt_dimension;

typedef struct eng_rt_config {
    int32_t width;            /* A, 1 … ENG_RT_MAX_WIDTH */
    int32_t horizon;          /* H, longest chunk, 1 … ENG_RT_MAX_HORIZON */
    double rate;              /* ticks a second, 0.1 … 10000 */
    int32_t ticks_per_action; /* 1 … 10000 */
    int32_t hold_ticks;       /* N, 0 … 1000000 */
    int32_t ramp_ticks;       /* M, 0 … 1000000; long enough for the acceleration limits */
    int32_t refuse;           /* not 0: a chunk with an action beyond a limit is refused whole; 0: clamped at each tick */
    int32_t auto_resume;      /* not 0: a new chunk alone ends a stop that nobody asked for */
    int32_t zero;
    int64_t heartbeat_ns;     /* greatest age of the last sign of life; 0: not watched */
    int64_t observation_ns;   /* greatest age of a chunk's observation when it is taken; 0: not watched */
    eng_rt_dimension dimensions[ENG_RT_MAX_WIDTH];
} eng_rt_config;

typedef struct eng_rt_publication {
    uint64_t tick;     /* 1, 2, 3, … without gaps */
    int64_t time_ns;   /* when the tick was due */
    uint64_t chunk;    /* sequence of the chunk in effect, 0 for none */
    int32_t index;     /* action in that chunk, -1 for none */
    int32_t source;    /* ENG_RT_WAITING … ENG_RT_STOPPED; with ENG_RT_WAITING the numbers are 0 and mean nothing */
    uint32_t limited;  /* which limits changed this action: ENG_RT_AT_… */
    uint32_t width;    /* A */
    float action[ENG_RT_MAX_WIDTH];   /* delta: displacement of this tick; absolute: position; switch: value */
    float position[ENG_RT_MAX_WIDTH]; /* the commanded position after this tick */
} eng_rt_publication;

typedef struct eng_rt_status {
    int32_t state, reason, pid;
    int32_t priority;       /* of SCHED_FIFO; 0: not permitted, the ordinary scheduler */
    int32_t locked;         /* 1: memory locked; 0: not permitted, or not asked for */
    int32_t writer;         /* 1: a writer is attached */
    int64_t time_ns;        /* of this record's tick */
    uint64_t ticks, missed; /* published; not published because the one before came more than a period late */
    uint64_t chunk;         /* highest sequence accepted */
    uint64_t accepted, superseded; /* chunks; those that a newer one replaced before the tick looked */
    uint64_t torn;          /* reads of a chunk or an anchor that was being written; tried again at the next tick */
    uint64_t refused_stale, refused_shape, refused_not_finite, refused_time, refused_limits, refused_anchor;
    uint64_t limited_position, limited_velocity, limited_acceleration; /* ticks */
    uint64_t holds, stops, heartbeats_lost;
    int64_t lateness_max_ns;
    uint64_t lateness[ENG_RT_BUCKETS]; /* from due to awake; bucket b begins at eng_rt_bucket_ns(b) */
} eng_rt_status;

ENG_RT_API int32_t eng_rt_abi_version(int32_t* version);
ENG_RT_API int32_t eng_rt_last_error(char* text, int32_t capacity);
/* First nanosecond of a bucket; four buckets an octave. */
ENG_RT_API int64_t eng_rt_bucket_ns(int32_t bucket);

/* ---- the tick: one owner, which makes the ring ---- */
typedef struct eng_rt_tick eng_rt_tick;

/* Makes a ring at a path (best under /dev/shm), mode 0600. One that a dead tick left is replaced; a living one gives ENG_RT_EBUSY. */
ENG_RT_API int32_t eng_rt_create(const char* path, const eng_rt_config* config, uint64_t config_size, eng_rt_tick** tick);
/* One tick at a time that the caller gives, later than the one before. Not while eng_rt_start runs it. */
ENG_RT_API int32_t eng_rt_step(eng_rt_tick* tick, int64_t now_ns);
/* Ticks on a thread of its own: SCHED_FIFO at a priority (1 … 99) where permitted; lock_memory locks the whole process where permitted. */
ENG_RT_API int32_t eng_rt_start(eng_rt_tick* tick, int32_t priority, int32_t lock_memory);
/* Ramps to the safe stop, publishes it, ends the thread. Blocks as long as that takes. */
ENG_RT_API int32_t eng_rt_finish(eng_rt_tick* tick);
/* Finishes where it runs, removes the file, frees. NULL is allowed. */
ENG_RT_API int32_t eng_rt_destroy(eng_rt_tick* tick);

/* ---- the ring, from any process of the same user; a handle belongs to one thread at a time ---- */
typedef struct eng_rt_ring eng_rt_ring;

/* writer not 0: takes the one place of a writer, which is given up by detach or death: the tick notices at its next tick. */
ENG_RT_API int32_t eng_rt_attach(const char* path, int32_t writer, eng_rt_ring** ring);
ENG_RT_API int32_t eng_rt_detach(eng_rt_ring* ring);
ENG_RT_API int32_t eng_rt_describe(const eng_rt_ring* ring, eng_rt_config* config, uint64_t config_size);

/* For writers. A chunk is float32 [rows, A]. observed_ns: when its observation was taken (0: unknown); first_ns: when its first action is due
 * (0: as soon as it is taken). The sequence is higher than any before; eng_rt_next_sequence gives one that is. */
ENG_RT_API int32_t eng_rt_submit(eng_rt_ring* ring, uint64_t sequence, int64_t observed_ns, int64_t first_ns, const float* actions, int32_t rows);
ENG_RT_API int32_t eng_rt_next_sequence(eng_rt_ring* ring, uint64_t* sequence);
/* Where the robot stands, float32 [A] (switches: their value). Taken while waiting or stopped; refused outside the box. */
ENG_RT_API int32_t eng_rt_anchor(eng_rt_ring* ring, const float* position);
/* The source of chunks is alive. An accepted chunk says so too. */
ENG_RT_API int32_t eng_rt_beat(eng_rt_ring* ring);

/* For everybody. Resume ends a stop as soon as a new chunk is there; stop ramps to the safe stop and stays there until a resume. */
ENG_RT_API int32_t eng_rt_resume(eng_rt_ring* ring);
ENG_RT_API int32_t eng_rt_stop(eng_rt_ring* ring);
/* The publication of a tick (the last 64 are kept), or with tick 0 the newest. */
ENG_RT_API int32_t eng_rt_read(eng_rt_ring* ring, uint64_t tick, eng_rt_publication* publication, uint64_t publication_size);
/* Sleeps until a tick later than `after` is published. ENG_RT_EAGAIN: not in time; ENG_RT_EGONE: the tick has ended. */
ENG_RT_API int32_t eng_rt_wait(eng_rt_ring* ring, uint64_t after, int64_t timeout_ns);
ENG_RT_API int32_t eng_rt_read_status(eng_rt_ring* ring, eng_rt_status* status, uint64_t status_size);

#ifdef __cplusplus
}
#endif

#endif
