// C ABI over MuJoCo for the table-top simulator.
// Every function returns an int32 status (ENG_MJ_OK is 0); eng_mj_last_error gives the calling thread's message.
// Angles in rad, lengths in m, quaternions w x y z. Handles may be used by one thread at a time; models by many.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENG_MJ_API __attribute__((visibility("default")))
#define ENG_MJ_ABI_VERSION 1

typedef struct eng_mj_model eng_mj_model;        // compiled model, immutable, reference-counted
typedef struct eng_mj_data eng_mj_data;          // state of one environment; keeps its model alive
typedef struct eng_mj_renderer eng_mj_renderer;  // one GL context, bound to the thread that made it

enum {
    ENG_MJ_OK = 0,
    ENG_MJ_EARGUMENT = -1,  // an argument is out of range
    ENG_MJ_EXML = -2,       // the model text does not compile
    ENG_MJ_EMUJOCO = -3,    // MuJoCo raised an error; data must be reset before it is used again
    ENG_MJ_EGL = -4,        // off-screen rendering is not to be had
    ENG_MJ_EMEMORY = -5,    // out of memory
    ENG_MJ_ESTATE = -6,     // called in the wrong state (after an error without reset, from another thread)
    ENG_MJ_EUNSTABLE = -7   // the simulation diverged (NaN or huge accelerations); reset
};
enum { ENG_MJ_BACKEND_AUTO = 0, ENG_MJ_BACKEND_EGL = 1, ENG_MJ_BACKEND_OSMESA = 2 };

// Sizes of a model, and addresses of one environment's arrays: valid until the data is destroyed.
typedef struct {
    int32_t nq, nv, nu, nbody, ngeom, nsite, ncam, ntex;
} eng_mj_sizes;

typedef struct {
    double* time;          // [1] s
    double* qpos;          // [nq]
    double* qvel;          // [nv]
    double* ctrl;          // [nu]
    double* qfrc_applied;  // [nv]
    double* qfrc_bias;     // [nv]
    double* xpos;          // [nbody, 3]
    double* xquat;         // [nbody, 4]
    double* site_xpos;     // [nsite, 3]
    double* site_xmat;     // [nsite, 9] row-major
} eng_mj_view;

typedef struct {
    int32_t geom1, geom2, body1, body2;
    double distance;  // m, negative when the geoms overlap
    double force;     // normal force, N
} eng_mj_contact;

// What one environment looks like beyond its model. Nothing here is ever written to the shared model.
typedef struct {
    int32_t geom;
    int32_t texture;  // texture id, -1: none, -2: as in the model
    float rgba[4];    // in [0, 1]; rgba[0] < 0: as in the model
} eng_mj_geom_look;

typedef struct {
    int32_t camera;
    float offset[3];    // m, in the camera's own frame (x right, y up, z backwards)
    float rotation[3];  // rotation vector, rad, in the camera's own frame
    float fovy;         // degrees; 0: as in the model
} eng_mj_camera_look;

typedef struct {
    int32_t enabled;              // 0: the model's lights
    float headlight_ambient[3];   // replaces the headlight's colours
    float headlight_diffuse[3];
    float direction[3];           // replaces the first light's direction and colour
    float diffuse[3];
} eng_mj_light_look;

typedef struct {
    const eng_mj_geom_look* geoms;
    const eng_mj_camera_look* cameras;
    int32_t geom_count, camera_count;
    eng_mj_light_look light;
} eng_mj_look;

ENG_MJ_API int32_t eng_mj_abi_version(int32_t* abi, int32_t* mujoco_header, int32_t* mujoco_library);
ENG_MJ_API int32_t eng_mj_last_error(char* text, int32_t capacity);
ENG_MJ_API int32_t eng_mj_live_handles(int64_t* models, int64_t* data, int64_t* renderers);

ENG_MJ_API int32_t eng_mj_model_create(const char* xml, int32_t bytes, eng_mj_model** out);
ENG_MJ_API int32_t eng_mj_model_destroy(eng_mj_model* model);
ENG_MJ_API int32_t eng_mj_model_sizes(const eng_mj_model* model, eng_mj_sizes* out);
// type is MuJoCo's mjtObj: 1 body, 3 joint, 5 geom, 6 site, 7 camera, 8 light, 12 texture (mjmodel.h)
ENG_MJ_API int32_t eng_mj_model_id(const eng_mj_model* model, int32_t type, const char* name, int32_t* id);
ENG_MJ_API int32_t eng_mj_model_joint(const eng_mj_model* model, int32_t joint, int32_t* qpos_address, int32_t* dof_address);
ENG_MJ_API int32_t eng_mj_model_geom_body(const eng_mj_model* model, int32_t geom, int32_t* body);

ENG_MJ_API int32_t eng_mj_data_create(eng_mj_model* model, eng_mj_data** out);
ENG_MJ_API int32_t eng_mj_data_destroy(eng_mj_data* data);
ENG_MJ_API int32_t eng_mj_data_bytes(const eng_mj_data* data, int64_t* bytes);
ENG_MJ_API int32_t eng_mj_data_view(eng_mj_data* data, eng_mj_view* out);
ENG_MJ_API int32_t eng_mj_data_reset(eng_mj_data* data);
ENG_MJ_API int32_t eng_mj_data_forward(eng_mj_data* data);
ENG_MJ_API int32_t eng_mj_data_kinematics(eng_mj_data* data);
ENG_MJ_API int32_t eng_mj_data_step(eng_mj_data* data, int32_t steps);
// position and rotation Jacobian of a site, each row-major [3, nv]
ENG_MJ_API int32_t eng_mj_data_site_jacobian(const eng_mj_data* data, int32_t site, double* position, double* rotation, int32_t count);
ENG_MJ_API int32_t eng_mj_data_contacts(eng_mj_data* data, eng_mj_contact* out, int32_t capacity, int32_t* count);

ENG_MJ_API int32_t eng_mj_gl_select(int32_t backend, int32_t* selected);
// max_height, max_width: largest image, before super-sampling is undone; the textures are the model's
ENG_MJ_API int32_t eng_mj_renderer_create(const eng_mj_model* model, int32_t max_height, int32_t max_width, int32_t supersample, eng_mj_renderer** out);
ENG_MJ_API int32_t eng_mj_renderer_destroy(eng_mj_renderer* renderer);
ENG_MJ_API int32_t eng_mj_renderer_info(eng_mj_renderer* renderer, char* text, int32_t capacity);
// rgb: [camera_count, height, width, 3], top-left origin
ENG_MJ_API int32_t eng_mj_renderer_draw(eng_mj_renderer* renderer, eng_mj_data* data, const eng_mj_look* look, const int32_t* cameras,
                                        int32_t camera_count, int32_t height, int32_t width, uint8_t* rgb, int64_t capacity);

#ifdef __cplusplus
}
#endif
