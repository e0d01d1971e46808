// Shared between the files of libeng_mujoco; not part of the ABI.
#pragma once
#include "eng_mujoco.h"

#include <mujoco/mujoco.h>

#include <atomic>
#include <csetjmp>
#include <cstdint>

struct eng_mj_model {
    mjModel* model;
    std::atomic<int32_t> references;
};

struct eng_mj_data {
    eng_mj_model* owner;
    mjModel* model;
    mjData* data;
    bool failed;  // an error cut a call short: only a reset makes the state whole again
};

namespace eng_mj {

extern thread_local jmp_buf jump;
extern thread_local bool armed;
extern std::atomic<int64_t> live_models, live_data, live_renderers;

void install_handlers();
int32_t fail(int32_t status, const char* format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace eng_mj

// mju_error must not return, so a guarded region leaves it by longjmp, straight back here. Inside the region there may be
// no object with a destructor, and no variable of this function that is both changed inside and read after a jump.
#define ENG_MJ_GUARD(on_error)            \
    eng_mj::install_handlers();           \
    if (setjmp(eng_mj::jump) != 0) {      \
        eng_mj::armed = false;            \
        on_error;                         \
        return ENG_MJ_EMUJOCO;            \
    }                                     \
    eng_mj::armed = true;
#define ENG_MJ_UNGUARD eng_mj::armed = false;
