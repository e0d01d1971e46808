/* Asks a policy that `engine serve` serves over its local pipes: a Unix-domain socket, shared memory, or TCP. The wire is described in
 * docs/serving.md. Blocking; no allocation after the connection is there; one client a thread. Linux, 64 bits, little-endian. */
#ifndef ENG_CLIENT_H
#define ENG_CLIENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENG_CLIENT_API __attribute__((visibility("default")))

/* What the functions return: 0, the server's code (1 … 14, docs/serving.md) where it refused, or one of these. */
#define ENG_CLIENT_OK 0
#define ENG_CLIENT_ARGUMENT (-1)   /* an argument is wrong; nothing was sent */
#define ENG_CLIENT_SYSTEM (-2)     /* a system call failed, or the server is gone; connect again */
#define ENG_CLIENT_PROTOCOL (-3)   /* the server sent what it should not; connect again */
#define ENG_CLIENT_TIMEOUT (-4)    /* no answer in time; connect again */

/* Why the last call of this thread failed, in words; valid until its next call. */
ENG_CLIENT_API const char* eng_client_last_error(void);

typedef struct eng_client eng_client;

typedef struct eng_client_options {
    const char* unix_path;  /* the server's socket; or NULL, with: */
    const char* host;       /* name or address, NULL for 127.0.0.1 */
    int32_t port;           /* the server's pipe port */
    const char* token;      /* the server's token (TCP), or NULL */
    int32_t shared_memory;  /* not 0: records go through shared memory (unix_path only) */
    int32_t spin_us;        /* with shared memory: how long both sides spin before they sleep, 0 … 100000 us */
    int32_t timeout_ms;     /* how long an answer may take; 0 for 10000 */
} eng_client_options;

/* What the policy takes and gives; valid until the client is closed. */
typedef struct eng_client_info {
    int32_t cameras;
    int32_t state_width;        /* S */
    int32_t horizon;            /* H: actions in a chunk */
    int32_t action_width;       /* A */
    int32_t replan_every;       /* actions to carry out before asking again */
    int32_t instruction_bytes;  /* longest instruction */
    double control_hz;
    uint64_t session;
    const char* contract;       /* contract.json, ends with 0 */
    /* of the last step: */
    uint64_t policy_ns;         /* time in the policy */
    uint64_t server_ns;         /* time from the observation's last byte to its reply */
    int32_t late;               /* not 0: the actions came after the budget */
} eng_client_info;

typedef struct eng_client_camera {
    const char* name;
    int32_t height;
    int32_t width;
    uint8_t* image;  /* RGB, row-major [height, width, 3], top-left origin: write here; kept from step to step */
} eng_client_camera;

/* Connects, says hello and learns the contract. The size guards against another version of the header. */
#define eng_client_hello(options, client) eng_client_hello_sized((options), sizeof(eng_client_options), (client))
ENG_CLIENT_API int32_t eng_client_hello_sized(const eng_client_options* options, uint64_t options_size, eng_client** client);

ENG_CLIENT_API const eng_client_info* eng_client_about(const eng_client* client);

/* Where to write the image of a camera, 0 … cameras - 1. Call it before every step that writes: in shared memory it marks the record as unfinished. */
ENG_CLIENT_API int32_t eng_client_image(eng_client* client, int32_t index, eng_client_camera* camera);

/* Where to write the state, float32 [S] in the contract's units. Call it before every step that writes. */
ENG_CLIENT_API float* eng_client_state(eng_client* client);

/* The instruction, UTF-8 that ends with 0; kept from step to step. */
ENG_CLIENT_API int32_t eng_client_instruction(eng_client* client, const char* text);

/* The sampling temperature, 0 … 1000; NaN (the beginning) leaves it to the server. */
ENG_CLIENT_API int32_t eng_client_temperature(eng_client* client, float temperature);

/* Sends the observation and waits for its actions, float32 [H, A], valid until the next call. budget_ns: how long an answer is of use; 0 for ever. */
ENG_CLIENT_API int32_t eng_client_step(eng_client* client, uint64_t budget_ns, const float** actions);

/* A new episode begins. */
ENG_CLIENT_API int32_t eng_client_reset(eng_client* client);

/* Says goodbye and frees the client. NULL is allowed. */
ENG_CLIENT_API void eng_client_close(eng_client* client);

#ifdef __cplusplus
}
#endif

#endif
