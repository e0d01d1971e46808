// Models, data, stepping: the part of the ABI that needs no graphics.
#include "internal.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

namespace eng_mj {

thread_local jmp_buf jump;
thread_local bool armed = false;
std::atomic<int64_t> live_models{0}, live_data{0}, live_renderers{0};

static thread_local char last_error[1024] = "";
static std::mutex compiler_mutex;  // MuJoCo's XML compiler keeps the last model in a global

static void on_error(const char* message) {
    snprintf(last_error, sizeof last_error, "MuJoCo: %s", message);
    if (armed) {
        longjmp(jump, 1);
    }
    fprintf(stderr, "libeng_mujoco: unguarded MuJoCo error: %s\n", message);
    abort();
}

// Without a handler MuJoCo appends warnings to MUJOCO_LOG.TXT in the working folder. Counted per data, read after each step.
static void on_warning(const char*) {}

void install_handlers() {
    static std::once_flag once;
    std::call_once(once, [] {
        mju_user_error = on_error;
        mju_user_warning = on_warning;
    });
}

int32_t fail(int32_t status, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

static int32_t release(eng_mj_model* model) {
    if (--model->references == 0) {
        ENG_MJ_GUARD((void)0)
        mj_deleteModel(model->model);
        ENG_MJ_UNGUARD
        delete model;
        live_models--;
    }
    return ENG_MJ_OK;
}

static mjModel* compile(mjVFS* files, char* message, int32_t capacity) {
    return mj_loadXML("scene.xml", files, message, capacity);
}

static int32_t compile_guarded(mjVFS* files, mjModel** out, char* message, int32_t capacity) {
    ENG_MJ_GUARD((void)0)
    *out = compile(files, message, capacity);
    ENG_MJ_UNGUARD
    return ENG_MJ_OK;
}

static int32_t make_data_guarded(const mjModel* model, mjData** out) {
    ENG_MJ_GUARD((void)0)
    *out = mj_makeData(model);
    ENG_MJ_UNGUARD
    return ENG_MJ_OK;
}

static int64_t divergences(const mjData* data) {
    return (int64_t)data->warning[mjWARN_BADQPOS].number + data->warning[mjWARN_BADQVEL].number + data->warning[mjWARN_BADQACC].number +
           data->warning[mjWARN_BADCTRL].number;
}

// A full buffer drops contacts silently: bodies would sink into each other.
static int64_t overflows(const mjData* data) {
    return (int64_t)data->warning[mjWARN_CONTACTFULL].number + data->warning[mjWARN_CNSTRFULL].number;
}

static int32_t usable(const eng_mj_data* data) {
    if (data == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "data is null");
    }
    if (data->failed) {
        return fail(ENG_MJ_ESTATE, "an earlier error left the simulation half-way: reset it first");
    }
    return ENG_MJ_OK;
}

}  // namespace eng_mj

using namespace eng_mj;

int32_t eng_mj_abi_version(int32_t* abi, int32_t* mujoco_header, int32_t* mujoco_library) {
    if (abi == nullptr || mujoco_header == nullptr || mujoco_library == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "a destination is null");
    }
    *abi = ENG_MJ_ABI_VERSION;
    *mujoco_header = mjVERSION_HEADER;
    *mujoco_library = mj_version();
    return ENG_MJ_OK;
}

int32_t eng_mj_last_error(char* text, int32_t capacity) {
    if (text == nullptr || capacity < 1) {
        return ENG_MJ_EARGUMENT;
    }
    snprintf(text, (size_t)capacity, "%s", last_error);
    return ENG_MJ_OK;
}

int32_t eng_mj_live_handles(int64_t* models, int64_t* data, int64_t* renderers) {
    if (models == nullptr || data == nullptr || renderers == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "a destination is null");
    }
    *models = live_models;
    *data = live_data;
    *renderers = live_renderers;
    return ENG_MJ_OK;
}

int32_t eng_mj_model_create(const char* xml, int32_t bytes, eng_mj_model** out) {
    if (xml == nullptr || bytes < 1 || out == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "model text is empty or the destination is null");
    }
    *out = nullptr;
    std::lock_guard<std::mutex> lock(compiler_mutex);
    mjVFS* files = (mjVFS*)malloc(sizeof(mjVFS));  // two megabytes: not for the stack
    if (files == nullptr) {
        return fail(ENG_MJ_EMEMORY, "out of memory");
    }
    mj_defaultVFS(files);
    if (mj_makeEmptyFileVFS(files, "scene.xml", bytes) != 0) {
        free(files);
        return fail(ENG_MJ_EMEMORY, "out of memory for %d bytes of model text", bytes);
    }
    memcpy(files->filedata[mj_findFileVFS(files, "scene.xml")], xml, (size_t)bytes);
    char message[900] = "";
    mjModel* model = nullptr;
    int32_t status = compile_guarded(files, &model, message, sizeof message);
    mj_deleteVFS(files);
    free(files);
    if (status != ENG_MJ_OK) {
        return status;
    }
    if (model == nullptr) {
        return fail(ENG_MJ_EXML, "the model does not compile: %s", message);
    }
    *out = new (std::nothrow) eng_mj_model{model, {1}};
    if (*out == nullptr) {
        mj_deleteModel(model);
        return fail(ENG_MJ_EMEMORY, "out of memory");
    }
    live_models++;
    return ENG_MJ_OK;
}

int32_t eng_mj_model_destroy(eng_mj_model* model) { return model == nullptr ? ENG_MJ_OK : release(model); }

int32_t eng_mj_model_sizes(const eng_mj_model* model, eng_mj_sizes* out) {
    if (model == nullptr || out == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "model or destination is null");
    }
    const mjModel* m = model->model;
    *out = eng_mj_sizes{m->nq, m->nv, m->nu, m->nbody, m->ngeom, m->nsite, m->ncam, m->ntex};
    return ENG_MJ_OK;
}

int32_t eng_mj_model_id(const eng_mj_model* model, int32_t type, const char* name, int32_t* id) {
    if (model == nullptr || name == nullptr || id == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "model, name or destination is null");
    }
    *id = mj_name2id(model->model, type, name);
    return *id < 0 ? fail(ENG_MJ_EARGUMENT, "the model has no object of type %d named '%s'", type, name) : ENG_MJ_OK;
}

int32_t eng_mj_model_joint(const eng_mj_model* model, int32_t joint, int32_t* qpos_address, int32_t* dof_address) {
    if (model == nullptr || qpos_address == nullptr || dof_address == nullptr || joint < 0 || joint >= model->model->njnt) {
        return fail(ENG_MJ_EARGUMENT, "joint %d is out of range or a pointer is null", joint);
    }
    *qpos_address = model->model->jnt_qposadr[joint];
    *dof_address = model->model->jnt_dofadr[joint];
    return ENG_MJ_OK;
}

int32_t eng_mj_model_geom_body(const eng_mj_model* model, int32_t geom, int32_t* body) {
    if (model == nullptr || body == nullptr || geom < 0 || geom >= model->model->ngeom) {
        return fail(ENG_MJ_EARGUMENT, "geom %d is out of range or a pointer is null", geom);
    }
    *body = model->model->geom_bodyid[geom];
    return ENG_MJ_OK;
}

int32_t eng_mj_data_create(eng_mj_model* model, eng_mj_data** out) {
    if (model == nullptr || out == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "model or destination is null");
    }
    *out = nullptr;
    mjData* data = nullptr;
    int32_t status = make_data_guarded(model->model, &data);
    if (status != ENG_MJ_OK) {
        return status;
    }
    if (data == nullptr) {
        return fail(ENG_MJ_EMEMORY, "out of memory for the simulation's state");
    }
    *out = new (std::nothrow) eng_mj_data{model, model->model, data, false};
    if (*out == nullptr) {
        mj_deleteData(data);
        return fail(ENG_MJ_EMEMORY, "out of memory");
    }
    model->references++;
    live_data++;
    return ENG_MJ_OK;
}

int32_t eng_mj_data_destroy(eng_mj_data* data) {
    if (data == nullptr) {
        return ENG_MJ_OK;
    }
    {
        ENG_MJ_GUARD((void)0)
        mj_deleteData(data->data);
        ENG_MJ_UNGUARD
    }
    eng_mj_model* owner = data->owner;
    delete data;
    live_data--;
    return release(owner);
}

int32_t eng_mj_data_bytes(const eng_mj_data* data, int64_t* bytes) {
    if (data == nullptr || bytes == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "data or destination is null");
    }
    *bytes = (int64_t)data->data->nbuffer + (int64_t)data->data->nstack * (int64_t)sizeof(mjtNum) + (int64_t)sizeof(mjData);
    return ENG_MJ_OK;
}

int32_t eng_mj_data_view(eng_mj_data* data, eng_mj_view* out) {
    if (data == nullptr || out == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "data or destination is null");
    }
    mjData* d = data->data;
    *out = eng_mj_view{&d->time,  d->qpos,  d->qvel,      d->ctrl,     d->qfrc_applied, d->qfrc_bias,
                       d->xpos,   d->xquat, d->site_xpos, d->site_xmat};
    return ENG_MJ_OK;
}

int32_t eng_mj_data_reset(eng_mj_data* data) {
    if (data == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "data is null");
    }
    ENG_MJ_GUARD(data->failed = true)
    mj_resetData(data->model, data->data);
    ENG_MJ_UNGUARD
    data->failed = false;
    return ENG_MJ_OK;
}

int32_t eng_mj_data_forward(eng_mj_data* data) {
    int32_t status = usable(data);
    if (status != ENG_MJ_OK) {
        return status;
    }
    ENG_MJ_GUARD(data->failed = true)
    mj_forward(data->model, data->data);
    ENG_MJ_UNGUARD
    return ENG_MJ_OK;
}

int32_t eng_mj_data_kinematics(eng_mj_data* data) {
    int32_t status = usable(data);
    if (status != ENG_MJ_OK) {
        return status;
    }
    ENG_MJ_GUARD(data->failed = true)
    mj_kinematics(data->model, data->data);
    mj_comPos(data->model, data->data);
    ENG_MJ_UNGUARD
    return ENG_MJ_OK;
}

int32_t eng_mj_data_step(eng_mj_data* data, int32_t steps) {
    int32_t status = usable(data);
    if (status != ENG_MJ_OK) {
        return status;
    }
    if (steps < 0) {
        return fail(ENG_MJ_EARGUMENT, "steps is %d, expected 0 or more", steps);
    }
    for (int i = 0; i < data->model->nu; i++) {
        if (!std::isfinite(data->data->ctrl[i])) {
            return fail(ENG_MJ_EARGUMENT, "ctrl[%d] is not finite", i);
        }
    }
    int64_t before = divergences(data->data), full = overflows(data->data);
    {
        ENG_MJ_GUARD(data->failed = true)
        for (int32_t i = 0; i < steps; i++) {
            mj_step(data->model, data->data);
        }
        ENG_MJ_UNGUARD
    }
    if (divergences(data->data) != before) {
        data->failed = true;  // MuJoCo has reset the state on its own: it is no longer the caller's episode
        return fail(ENG_MJ_EUNSTABLE, "the simulation diverged at %.3f s: reset it", data->data->time);
    }
    if (overflows(data->data) != full) {
        data->failed = true;
        return fail(ENG_MJ_EMUJOCO, "more contacts or constraints than the model's nconmax or njmax: raise them in its text");
    }
    return ENG_MJ_OK;
}

int32_t eng_mj_data_site_jacobian(const eng_mj_data* data, int32_t site, double* position, double* rotation, int32_t count) {
    int32_t status = usable(data);
    if (status != ENG_MJ_OK) {
        return status;
    }
    if (position == nullptr || rotation == nullptr || site < 0 || site >= data->model->nsite || count != 3 * data->model->nv) {
        return fail(ENG_MJ_EARGUMENT, "site %d is out of range or the Jacobians are not of 3 x %d numbers", site, data->model->nv);
    }
    ENG_MJ_GUARD((void)0)
    mj_jacSite(data->model, data->data, position, rotation, site);
    ENG_MJ_UNGUARD
    return ENG_MJ_OK;
}

int32_t eng_mj_data_contacts(eng_mj_data* data, eng_mj_contact* out, int32_t capacity, int32_t* count) {
    int32_t status = usable(data);
    if (status != ENG_MJ_OK) {
        return status;
    }
    if ((out == nullptr && capacity > 0) || count == nullptr || capacity < 0) {
        return fail(ENG_MJ_EARGUMENT, "destination is null or capacity negative");
    }
    const mjData* d = data->data;
    if (d->ncon > capacity) {
        return fail(ENG_MJ_EARGUMENT, "%d contacts do not fit in %d places", d->ncon, capacity);
    }
    ENG_MJ_GUARD((void)0)
    for (int32_t i = 0; i < d->ncon; i++) {
        const mjContact* contact = d->contact + i;
        mjtNum force[6];
        mj_contactForce(data->model, d, i, force);
        out[i] = eng_mj_contact{contact->geom1,
                                contact->geom2,
                                data->model->geom_bodyid[contact->geom1],
                                data->model->geom_bodyid[contact->geom2],
                                contact->dist,
                                force[0]};
    }
    ENG_MJ_UNGUARD
    *count = d->ncon;
    return ENG_MJ_OK;
}
