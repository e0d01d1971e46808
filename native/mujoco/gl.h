// One off-screen GL backend per process (MuJoCo loads its GL functions once); contexts are made one per renderer.
#pragma once
#include <cstdint>

namespace eng_mj {

struct gl_context {
    void* context;  // EGLContext or OSMesaContext
    void* buffer;   // OSMesa's own colour buffer; EGL needs none: MuJoCo draws into its frame-buffer object
    int32_t width, height;
};

int32_t gl_select(int32_t backend, int32_t* selected);
int32_t gl_create(int32_t width, int32_t height, gl_context* out);
int32_t gl_make_current(const gl_context* context);
void gl_destroy(gl_context* context);
const char* gl_string(uint32_t name);

}  // namespace eng_mj
