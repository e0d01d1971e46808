// Off-screen rendering with per-environment looks, applied to the abstract scene (never to the shared model).
#include "gl.h"
#include "internal.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

struct eng_mj_renderer {
    eng_mj::gl_context gl;
    mjrContext context;
    mjvScene scene;
    mjvOption option;
    mjvPerturb perturb;
    int32_t max_height, max_width, supersample, textures;
    uint8_t* pixels;  // [max_height * supersample, max_width * supersample, 3], bottom row first
    std::thread::id thread;
    bool made;
};

namespace eng_mj {
namespace {

const int32_t max_geoms = 400;
std::mutex creation_mutex;  // MuJoCo loads its GL functions into globals

int32_t make_context(eng_mj_renderer* r, const mjModel* model) {
    mjModel copy = *model;  // shallow: only the sizes below differ, and only for this call
    copy.vis.global.offwidth = r->max_width * r->supersample;
    copy.vis.global.offheight = r->max_height * r->supersample;
    ENG_MJ_GUARD((void)0)
    mjv_defaultOption(&r->option);
    mjv_defaultPerturb(&r->perturb);
    mjv_defaultScene(&r->scene);
    mjr_defaultContext(&r->context);
    mjv_makeScene(&copy, &r->scene, max_geoms);
    r->made = true;
    mjr_makeContext(&copy, &r->context, mjFONTSCALE_50);
    mjr_setBuffer(mjFB_OFFSCREEN, &r->context);
    ENG_MJ_UNGUARD
    return r->context.currentBuffer == mjFB_OFFSCREEN ? ENG_MJ_OK : fail(ENG_MJ_EGL, "the GL context has no off-screen frame buffer");
}

int32_t free_context(eng_mj_renderer* r) {
    ENG_MJ_GUARD((void)0)
    mjv_freeScene(&r->scene);
    mjr_freeContext(&r->context);
    ENG_MJ_UNGUARD
    return ENG_MJ_OK;
}

void apply_geoms(mjvScene* scene, const eng_mj_look* look) {
    for (int32_t i = 0; i < scene->ngeom; i++) {
        mjvGeom* geom = scene->geoms + i;
        if (geom->objtype != mjOBJ_GEOM) {
            continue;
        }
        for (int32_t k = 0; k < look->geom_count; k++) {
            const eng_mj_geom_look* want = look->geoms + k;
            if (want->geom != geom->objid) {
                continue;
            }
            if (want->rgba[0] >= 0) {
                memcpy(geom->rgba, want->rgba, sizeof want->rgba);
            }
            if (want->texture >= -1) {
                geom->texid = want->texture;
            }
        }
    }
}

void apply_light(mjvScene* scene, const eng_mj_light_look* look) {
    bool first = true;
    for (int32_t i = 0; i < scene->nlight; i++) {
        mjvLight* light = scene->lights + i;
        if (light->headlight) {
            memcpy(light->ambient, look->headlight_ambient, sizeof light->ambient);
            memcpy(light->diffuse, look->headlight_diffuse, sizeof light->diffuse);
        } else if (first) {
            memcpy(light->dir, look->direction, sizeof light->dir);
            memcpy(light->diffuse, look->diffuse, sizeof light->diffuse);
            first = false;
        }
    }
}

void apply_camera(mjvScene* scene, const mjData* data, const eng_mj_camera_look* look) {
    // MuJoCo's camera frame: x right, y up, z backwards; columns of cam_xmat.
    const mjtNum* position = data->cam_xpos + 3 * look->camera;
    const mjtNum* frame = data->cam_xmat + 9 * look->camera;
    mjtNum offset[3], turn[9], turned[9], moved[3], quaternion[4], axis[3];
    for (int32_t i = 0; i < 3; i++) {
        offset[i] = look->offset[i];
        axis[i] = look->rotation[i];
    }
    mjtNum angle = mju_normalize3(axis);
    mju_axisAngle2Quat(quaternion, axis, angle);
    mju_quat2Mat(turn, quaternion);
    mju_mulMatMat(turned, frame, turn, 3, 3, 3);
    mju_mulMatVec(moved, frame, offset, 3, 3);
    for (int32_t eye = 0; eye < 2; eye++) {
        mjvGLCamera* camera = scene->camera + eye;
        for (int32_t i = 0; i < 3; i++) {
            camera->pos[i] = (float)(position[i] + moved[i]);
            camera->up[i] = (float)turned[3 * i + 1];
            camera->forward[i] = (float)-turned[3 * i + 2];
        }
        if (look->fovy > 0) {
            float half = camera->frustum_near * tanf(look->fovy * (float)mjPI / 360.0f);
            camera->frustum_bottom = -half;
            camera->frustum_top = half;
        }
        camera->frustum_center = 0;
    }
}

// Averages supersample x supersample blocks and turns the picture the right way up.
void resolve(const uint8_t* source, int32_t height, int32_t width, int32_t n, uint8_t* destination) {
    const size_t stride = (size_t)width * (size_t)n * 3;
    const int32_t area = n * n;
    for (int32_t y = 0; y < height; y++) {
        const uint8_t* rows = source + (size_t)(height - 1 - y) * (size_t)n * stride;
        uint8_t* out = destination + (size_t)y * (size_t)width * 3;
        if (n == 1) {
            memcpy(out, rows, stride);
            continue;
        }
        for (int32_t x = 0; x < width; x++) {
            for (int32_t c = 0; c < 3; c++) {
                int32_t sum = 0;
                for (int32_t v = 0; v < n; v++) {
                    for (int32_t u = 0; u < n; u++) {
                        sum += rows[(size_t)v * stride + (size_t)(x * n + u) * 3 + (size_t)c];
                    }
                }
                out[x * 3 + c] = (uint8_t)((sum + area / 2) / area);
            }
        }
    }
}

int32_t draw(eng_mj_renderer* r, eng_mj_data* data, const eng_mj_look* look, const int32_t* cameras, int32_t camera_count, int32_t height,
             int32_t width, uint8_t* rgb) {
    const mjrRect viewport = {0, 0, width * r->supersample, height * r->supersample};
    ENG_MJ_GUARD((void)0)
    for (int32_t i = 0; i < camera_count; i++) {
        mjvCamera camera;
        mjv_defaultCamera(&camera);
        camera.type = mjCAMERA_FIXED;
        camera.fixedcamid = cameras[i];
        if (i == 0) {
            mjv_updateScene(data->model, data->data, &r->option, &r->perturb, &camera, mjCAT_ALL, &r->scene);
            if (look != nullptr) {
                apply_geoms(&r->scene, look);
                if (look->light.enabled) {
                    apply_light(&r->scene, &look->light);
                }
            }
        } else {
            mjv_updateCamera(data->model, data->data, &camera, &r->scene);
        }
        for (int32_t k = 0; look != nullptr && k < look->camera_count; k++) {
            if (look->cameras[k].camera == cameras[i]) {
                apply_camera(&r->scene, data->data, look->cameras + k);
            }
        }
        mjr_render(viewport, &r->scene, &r->context);
        mjr_readPixels(r->pixels, nullptr, viewport, &r->context);
        resolve(r->pixels, height, width, r->supersample, rgb + (size_t)i * (size_t)height * (size_t)width * 3);
    }
    ENG_MJ_UNGUARD
    return ENG_MJ_OK;
}

thread_local eng_mj_renderer* current = nullptr;

int32_t bind(eng_mj_renderer* r) {
    if (r->thread != std::this_thread::get_id()) {
        return fail(ENG_MJ_ESTATE, "a renderer belongs to the thread that made it");
    }
    if (current != r) {
        int32_t status = gl_make_current(&r->gl);
        if (status != ENG_MJ_OK) {
            return status;
        }
        current = r;
    }
    return ENG_MJ_OK;
}

void dispose(eng_mj_renderer* r) {
    gl_destroy(&r->gl);
    free(r->pixels);
    delete r;
}

}  // namespace
}  // namespace eng_mj

using namespace eng_mj;

int32_t eng_mj_gl_select(int32_t backend, int32_t* selected) {
    return selected == nullptr ? fail(ENG_MJ_EARGUMENT, "destination is null") : gl_select(backend, selected);
}

int32_t eng_mj_renderer_create(const eng_mj_model* model, int32_t max_height, int32_t max_width, int32_t supersample, eng_mj_renderer** out) {
    if (model == nullptr || out == nullptr) {
        return fail(ENG_MJ_EARGUMENT, "model or destination is null");
    }
    *out = nullptr;
    if (max_height < 1 || max_width < 1 || max_height > 4096 || max_width > 4096 || supersample < 1 || supersample > 4) {
        return fail(ENG_MJ_EARGUMENT, "image %d x %d with super-sampling %d: expected 1 to 4096 pixels and 1 to 4", max_height, max_width,
                    supersample);
    }
    std::lock_guard<std::mutex> lock(creation_mutex);
    eng_mj_renderer* r = new eng_mj_renderer{};
    r->max_height = max_height;
    r->max_width = max_width;
    r->supersample = supersample;
    r->textures = model->model->ntex;
    r->thread = std::this_thread::get_id();
    r->pixels = (uint8_t*)malloc((size_t)max_height * (size_t)max_width * (size_t)(supersample * supersample) * 3);
    if (r->pixels == nullptr) {
        delete r;
        return fail(ENG_MJ_EMEMORY, "out of memory for the image");
    }
    int32_t status = gl_create(max_width * supersample, max_height * supersample, &r->gl);
    if (status == ENG_MJ_OK) {
        status = bind(r);
    }
    if (status == ENG_MJ_OK) {
        status = make_context(r, model->model);
    }
    if (status != ENG_MJ_OK) {
        if (current == r) {
            if (r->made) {
                free_context(r);
            }
            current = nullptr;
        }
        dispose(r);
        return status;
    }
    live_renderers++;
    *out = r;
    return ENG_MJ_OK;
}

int32_t eng_mj_renderer_destroy(eng_mj_renderer* renderer) {
    if (renderer == nullptr) {
        return ENG_MJ_OK;
    }
    int32_t status = bind(renderer);
    if (status != ENG_MJ_OK) {
        return status;
    }
    std::lock_guard<std::mutex> lock(creation_mutex);
    free_context(renderer);
    current = nullptr;
    dispose(renderer);
    live_renderers--;
    return ENG_MJ_OK;
}

int32_t eng_mj_renderer_info(eng_mj_renderer* renderer, char* text, int32_t capacity) {
    if (renderer == nullptr || text == nullptr || capacity < 1) {
        return fail(ENG_MJ_EARGUMENT, "renderer or destination is null");
    }
    int32_t status = bind(renderer);
    if (status != ENG_MJ_OK) {
        return status;
    }
    snprintf(text, (size_t)capacity, "%s, %s", gl_string(0x1F01), gl_string(0x1F02));  // GL_RENDERER, GL_VERSION
    return ENG_MJ_OK;
}

int32_t eng_mj_renderer_draw(eng_mj_renderer* renderer, eng_mj_data* data, const eng_mj_look* look, const int32_t* cameras,
                             int32_t camera_count, int32_t height, int32_t width, uint8_t* rgb, int64_t capacity) {
    if (renderer == nullptr || data == nullptr || cameras == nullptr || rgb == nullptr || camera_count < 1) {
        return fail(ENG_MJ_EARGUMENT, "renderer, data, cameras or destination is null");
    }
    if (height < 1 || width < 1 || height > renderer->max_height || width > renderer->max_width) {
        return fail(ENG_MJ_EARGUMENT, "image %d x %d: this renderer draws at most %d x %d", height, width, renderer->max_height,
                    renderer->max_width);
    }
    if ((int64_t)camera_count * height * width * 3 > capacity) {
        return fail(ENG_MJ_EARGUMENT, "%d images of %d x %d do not fit in %lld bytes", camera_count, height, width, (long long)capacity);
    }
    if (data->model->ntex != renderer->textures) {
        return fail(ENG_MJ_EARGUMENT, "the renderer was made for a model with %d textures, this one has %d", renderer->textures,
                    data->model->ntex);
    }
    for (int32_t i = 0; i < camera_count; i++) {
        if (cameras[i] < 0 || cameras[i] >= data->model->ncam) {
            return fail(ENG_MJ_EARGUMENT, "camera %d is out of range, the model has %d", cameras[i], data->model->ncam);
        }
    }
    int32_t status = bind(renderer);
    return status == ENG_MJ_OK ? draw(renderer, data, look, cameras, camera_count, height, width, rgb) : status;
}
