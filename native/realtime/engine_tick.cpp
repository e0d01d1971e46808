// engine-tick: the control tick as a process that outlives the program which makes the chunks. `engine tick` starts it; docs/realtime.md.
#include "eng_realtime.h"

#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

static int wrong(const char* message, const char* what) {
    fprintf(stderr, "engine-tick: %s%s\n", message, what);
    return 2;
}

static int failed() {
    char text[512];
    eng_rt_last_error(text, sizeof text);
    fprintf(stderr, "engine-tick: %s\n", text);
    return 1;
}

// kind,low,high,velocity,acceleration,safe as in eng_rt_dimension; kind is delta, absolute or switch.
static bool parse_dimension(const char* text, eng_rt_dimension* to) {
    char kind[16];
    if (sscanf(text, "%15[a-z],%lf,%lf,%lf,%lf,%lf", kind, &to->low, &to->high, &to->velocity, &to->acceleration, &to->safe) != 6) return false;
    static const char* const kinds[] = {"delta", "absolute", "switch"};
    for (int32_t i = 0; i < 3; i++) {
        if (strcmp(kind, kinds[i]) != 0) continue;
        to->kind = i;
        return true;
    }
    return false;
}

static int check_permissions() {
    sched_param parameter = {};
    parameter.sched_priority = 40;
    bool fifo = sched_setscheduler(0, SCHED_FIFO, &parameter) == 0;
    bool locked = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
    printf("scheduler=%s memory=%s\n", fifo ? "fifo" : "other", locked ? "locked" : "unlocked");
    return 0;
}

struct Options {
    const char* ring = nullptr;
    eng_rt_config config = {};
    int priority = 40, linger = 0;
};

static int parse(int count, char** arguments, Options& options) {
    eng_rt_config& config = options.config;
    config.rate = 100;
    config.horizon = 1;
    config.ticks_per_action = 1;
    for (int i = 1; i < count; i++) {
        const char* name = arguments[i];
        if (strcmp(name, "--refuse") == 0) {
            config.refuse = 1;
            continue;
        }
        if (strcmp(name, "--auto-resume") == 0) {
            config.auto_resume = 1;
            continue;
        }
        if (i + 1 == count) return wrong("unknown option, or one without its value: ", name);
        const char* value = arguments[++i];
        char* end = nullptr;
        double number = strtod(value, &end);
        bool is_number = *value != 0 && *end == 0;
        if (strcmp(name, "--ring") == 0) options.ring = value;
        else if (strcmp(name, "--dimension") == 0) {
            if (config.width == ENG_RT_MAX_WIDTH || !parse_dimension(value, &config.dimensions[config.width++]))
                return wrong("expected at most 32 of kind,low,high,velocity,acceleration,safe, not: ", value);
        } else if (!is_number || !(std::abs(number) <= 2e9)) return wrong("expected a number, not: ", value);
        else if (strcmp(name, "--rate") == 0) config.rate = number;
        else if (strcmp(name, "--horizon") == 0) config.horizon = static_cast<int32_t>(number);
        else if (strcmp(name, "--ticks-per-action") == 0) config.ticks_per_action = static_cast<int32_t>(number);
        else if (strcmp(name, "--hold") == 0) config.hold_ticks = static_cast<int32_t>(number);
        else if (strcmp(name, "--ramp") == 0) config.ramp_ticks = static_cast<int32_t>(number);
        else if (strcmp(name, "--heartbeat-ms") == 0) config.heartbeat_ns = static_cast<int64_t>(number * 1e6);
        else if (strcmp(name, "--observation-ms") == 0) config.observation_ns = static_cast<int64_t>(number * 1e6);
        else if (strcmp(name, "--priority") == 0) options.priority = static_cast<int>(number);
        else if (strcmp(name, "--linger") == 0) options.linger = static_cast<int>(number);
        else return wrong("unknown option: ", name);
    }
    return options.ring ? 0 : wrong("--ring PATH is missing", "");
}

int main(int count, char** arguments) {
    if (count == 2 && strcmp(arguments[1], "--check") == 0) return check_permissions();
    Options options;
    int status = parse(count, arguments, options);
    if (status) return status;

    // Neither the terminal nor a broken pipe of the program that started this ends it: only these signals do, by way of the safe stop.
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    setsid();

    eng_rt_tick* tick;
    if (eng_rt_create(options.ring, &options.config, sizeof options.config, &tick)) return failed();
    eng_rt_ring* ring;
    eng_rt_status now;
    if (eng_rt_start(tick, options.priority, 1) || eng_rt_attach(options.ring, 0, &ring)) {
        status = failed();
        eng_rt_destroy(tick);
        return status;
    }
    eng_rt_wait(ring, 0, INT64_C(2000000000) + static_cast<int64_t>(2e9 / options.config.rate));
    eng_rt_read_status(ring, &now, sizeof now);
    printf("ready ring=%s pid=%d rate=%g scheduler=%s memory=%s\n", options.ring, getpid(), options.config.rate, now.priority ? "fifo" : "other",
           now.locked ? "locked" : "unlocked");
    fflush(stdout);

    int alone = 0;
    timespec second = {1, 0};
    while (sigtimedwait(&signals, nullptr, &second) < 0) {
        if (options.linger == 0 || eng_rt_read_status(ring, &now, sizeof now)) continue;
        bool idle = !now.writer && (now.state == ENG_RT_STOPPED || now.state == ENG_RT_WAITING);
        alone = idle ? alone + 1 : 0;
        if (alone >= options.linger) break;
    }
    status = eng_rt_finish(tick) ? failed() : 0;
    eng_rt_detach(ring);
    eng_rt_destroy(tick);
    return status;
}
