// EGL without a surface, or OSMesa, both loaded at run time.
#include "gl.h"
#include "internal.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/osmesa.h>
#include <dlfcn.h>

#include <cstdlib>
#include <mutex>

namespace eng_mj {
namespace {

std::mutex gl_mutex;
int32_t chosen = ENG_MJ_BACKEND_AUTO;
EGLDisplay display = EGL_NO_DISPLAY;
EGLConfig config;

struct {
    decltype(&eglGetDisplay) get_display;
    decltype(&eglInitialize) initialize;
    decltype(&eglChooseConfig) choose_config;
    decltype(&eglBindAPI) bind_api;
    decltype(&eglCreateContext) create_context;
    decltype(&eglMakeCurrent) make_current;
    decltype(&eglDestroyContext) destroy_context;
    decltype(&eglGetProcAddress) get_proc_address;
    decltype(&eglGetError) get_error;
} egl;

struct {
    decltype(&OSMesaCreateContextExt) create_context;
    decltype(&OSMesaMakeCurrent) make_current;
    decltype(&OSMesaDestroyContext) destroy_context;
    decltype(&OSMesaGetProcAddress) get_proc_address;
} osmesa;

template <typename F>
bool load(void* library, const char* name, F* out) {
    *out = (F)dlsym(library, name);
    return *out != nullptr;
}

void* open_first(const char* first, const char* second) {
    void* library = dlopen(first, RTLD_NOW | RTLD_GLOBAL);
    return library != nullptr ? library : dlopen(second, RTLD_NOW | RTLD_GLOBAL);
}

int32_t select_egl() {
    void* library = open_first("libEGL.so", "libEGL.so.1");
    if (library == nullptr) {
        return fail(ENG_MJ_EGL, "EGL is not installed: %s", dlerror());
    }
    if (!load(library, "eglGetDisplay", &egl.get_display) || !load(library, "eglInitialize", &egl.initialize) ||
        !load(library, "eglChooseConfig", &egl.choose_config) || !load(library, "eglBindAPI", &egl.bind_api) ||
        !load(library, "eglCreateContext", &egl.create_context) || !load(library, "eglMakeCurrent", &egl.make_current) ||
        !load(library, "eglDestroyContext", &egl.destroy_context) || !load(library, "eglGetProcAddress", &egl.get_proc_address) ||
        !load(library, "eglGetError", &egl.get_error)) {
        return fail(ENG_MJ_EGL, "libEGL lacks a function: %s", dlerror());
    }
    auto get_platform_display = (PFNEGLGETPLATFORMDISPLAYEXTPROC)egl.get_proc_address("eglGetPlatformDisplayEXT");
    EGLint major = 0, minor = 0;
    if (get_platform_display != nullptr) {
        display = get_platform_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
    }
    if (display == EGL_NO_DISPLAY || !egl.initialize(display, &major, &minor)) {
        display = egl.get_display(EGL_DEFAULT_DISPLAY);
        if (display == EGL_NO_DISPLAY || !egl.initialize(display, &major, &minor)) {
            return fail(ENG_MJ_EGL, "EGL has neither a surfaceless nor a default display (error 0x%x)", egl.get_error());
        }
    }
    const EGLint wanted[] = {EGL_RED_SIZE,   8, EGL_GREEN_SIZE,      8, EGL_BLUE_SIZE, 8, EGL_DEPTH_SIZE, 24, EGL_SURFACE_TYPE,
                             EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_NONE};
    EGLint count = 0;
    if (!egl.bind_api(EGL_OPENGL_API) || !egl.choose_config(display, wanted, &config, 1, &count) || count < 1) {
        return fail(ENG_MJ_EGL, "EGL offers no OpenGL configuration with 8-bit colour and 24-bit depth (error 0x%x)", egl.get_error());
    }
    return ENG_MJ_OK;
}

int32_t select_osmesa() {
    void* library = open_first("libOSMesa.so", "libOSMesa.so.8");
    if (library == nullptr) {
        return fail(ENG_MJ_EGL, "OSMesa is not installed: %s", dlerror());
    }
    if (!load(library, "OSMesaCreateContextExt", &osmesa.create_context) || !load(library, "OSMesaMakeCurrent", &osmesa.make_current) ||
        !load(library, "OSMesaDestroyContext", &osmesa.destroy_context) ||
        !load(library, "OSMesaGetProcAddress", &osmesa.get_proc_address)) {
        return fail(ENG_MJ_EGL, "libOSMesa lacks a function: %s", dlerror());
    }
    return ENG_MJ_OK;
}

}  // namespace

int32_t gl_select(int32_t backend, int32_t* selected) {
    std::lock_guard<std::mutex> lock(gl_mutex);
    if (backend < ENG_MJ_BACKEND_AUTO || backend > ENG_MJ_BACKEND_OSMESA) {
        return fail(ENG_MJ_EARGUMENT, "backend %d is unknown: 0 automatic, 1 EGL, 2 OSMesa", backend);
    }
    if (chosen != ENG_MJ_BACKEND_AUTO) {
        *selected = chosen;
        return backend == ENG_MJ_BACKEND_AUTO || backend == chosen
                   ? ENG_MJ_OK
                   : fail(ENG_MJ_ESTATE, "backend %d is in use already: MuJoCo loads its GL functions once per process", chosen);
    }
    // llvmpipe would start a thread per core for each context; the simulator runs its own threads.
    setenv("LP_NUM_THREADS", "0", 0);
    int32_t status = ENG_MJ_OK;
    int32_t candidate = backend == ENG_MJ_BACKEND_AUTO ? ENG_MJ_BACKEND_EGL : backend;
    status = candidate == ENG_MJ_BACKEND_EGL ? select_egl() : select_osmesa();
    if (status != ENG_MJ_OK && backend == ENG_MJ_BACKEND_AUTO) {
        candidate = ENG_MJ_BACKEND_OSMESA;
        status = select_osmesa();
        if (status != ENG_MJ_OK) {
            return fail(ENG_MJ_EGL, "neither EGL nor OSMesa can be used: install libegl1 libegl-mesa0 libgl1-mesa-dri or libosmesa6");
        }
    }
    if (status == ENG_MJ_OK) {
        chosen = candidate;
        *selected = candidate;
    }
    return status;
}

int32_t gl_create(int32_t width, int32_t height, gl_context* out) {
    std::lock_guard<std::mutex> lock(gl_mutex);
    *out = gl_context{nullptr, nullptr, width, height};
    if (chosen == ENG_MJ_BACKEND_EGL) {
        egl.bind_api(EGL_OPENGL_API);
        out->context = egl.create_context(display, config, EGL_NO_CONTEXT, nullptr);
        return out->context != nullptr ? ENG_MJ_OK : fail(ENG_MJ_EGL, "eglCreateContext failed (error 0x%x)", egl.get_error());
    }
    if (chosen == ENG_MJ_BACKEND_OSMESA) {
        out->buffer = malloc((size_t)width * (size_t)height * 4);
        out->context = out->buffer == nullptr ? nullptr : osmesa.create_context(OSMESA_RGBA, 24, 8, 8, nullptr);
        if (out->context == nullptr) {
            free(out->buffer);
            out->buffer = nullptr;
            return fail(ENG_MJ_EGL, "OSMesaCreateContextExt failed");
        }
        return ENG_MJ_OK;
    }
    return fail(ENG_MJ_ESTATE, "no backend is selected: call eng_mj_gl_select first");
}

int32_t gl_make_current(const gl_context* context) {
    if (chosen == ENG_MJ_BACKEND_EGL) {
        egl.bind_api(EGL_OPENGL_API);
        return egl.make_current(display, EGL_NO_SURFACE, EGL_NO_SURFACE, (EGLContext)context->context)
                   ? ENG_MJ_OK
                   : fail(ENG_MJ_EGL, "eglMakeCurrent failed (error 0x%x)", egl.get_error());
    }
    return osmesa.make_current((OSMesaContext)context->context, context->buffer, GL_UNSIGNED_BYTE, context->width, context->height)
               ? ENG_MJ_OK
               : fail(ENG_MJ_EGL, "OSMesaMakeCurrent failed");
}

void gl_destroy(gl_context* context) {
    std::lock_guard<std::mutex> lock(gl_mutex);
    if (context->context == nullptr) {
        return;
    }
    if (chosen == ENG_MJ_BACKEND_EGL) {
        egl.make_current(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
        egl.destroy_context(display, (EGLContext)context->context);
    } else {
        osmesa.make_current(nullptr, nullptr, GL_UNSIGNED_BYTE, 0, 0);
        osmesa.destroy_context((OSMesaContext)context->context);
        free(context->buffer);
    }
    context->context = nullptr;
}

const char* gl_string(uint32_t name) {
    using get_string = const unsigned char* (*)(unsigned);
    auto function = (get_string)(chosen == ENG_MJ_BACKEND_EGL ? (void*)egl.get_proc_address("glGetString")
                                                              : (void*)osmesa.get_proc_address("glGetString"));
    const unsigned char* text = function == nullptr ? nullptr : function(name);
    return text == nullptr ? "unknown" : (const char*)text;
}

}  // namespace eng_mj
