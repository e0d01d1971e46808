#define _GNU_SOURCE
#include "eng_client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire is little-endian and is read as it is"
#endif

enum { HELLO = 1, WELCOME, OBSERVE, ACTIONS, RESET, ERROR, PING, PONG, BYE };
enum { FLAG_CLOSING = 2, FLAG_LATE = 4, MAX_CAMERAS = 64, MAX_ERROR = 1024, MAX_TOKEN = 1024, MAX_WELCOME = 4 << 20 };
enum { SLOTS = 8, REQUEST_HEADERS = 512, REPLY_HEADERS = 1024, ARENA = 4096, GUARD = ARENA + 8 };
enum { REQUEST_HEAD = 64, SERVER_SLEEPS = 128, REPLY_HEAD = 192, CLIENT_SLEEPS = 256 };

typedef struct header {
    uint32_t magic;
    uint16_t version, kind;
    uint32_t flags, length;
    uint64_t sequence, deadline, session, time;
    uint32_t payload_crc, code, offset, crc;
} header;

typedef struct welcome {
    uint32_t ring_bytes, cameras, state_width, instruction_bytes, horizon, action_width, replan_every;
    uint32_t observation_bytes, state_offset, instruction_offset, actions_bytes, actions_offset;
    double control_hz;
    uint64_t zero;
} welcome;

typedef struct camera_entry {
    uint32_t height, width, offset, bytes;
    char name[48];
} camera_entry;

_Static_assert(sizeof(header) == 64 && sizeof(welcome) == 64 && sizeof(camera_entry) == 64, "the wire's sizes");

struct eng_client {
    eng_client_info info;
    welcome layout;
    camera_entry cameras[MAX_CAMERAS];
    char names[MAX_CAMERAS][49];
    char* contract;
    uint8_t* frame;   /* header and record; without a ring */
    uint8_t* ring;    /* or NULL */
    uint8_t* reply;
    uint32_t reply_bytes, ring_reply_offset, ring_reply_bytes;
    uint32_t published, read, instruction_length;
    uint64_t sequence, guard;
    int64_t clock, timeout_ns, spin_ns;
    float temperature;
    int socket;
};

static _Thread_local char last_error[MAX_ERROR + 64];

static int32_t fail(int32_t status, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

const char* eng_client_last_error(void) { return last_error; }

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static uint32_t crc32c(const void* data, size_t length) {
    const uint8_t* bytes = data;
    uint32_t crc = ~UINT32_C(0);
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (UINT32_C(0x82F63B78) & (0 - (crc & 1)));
    }
    return ~crc;
}

static header make_header(eng_client* client, int kind, uint32_t length, uint64_t deadline) {
    header made = {.magic = 0x50474E45, .version = 1, .kind = (uint16_t)kind, .length = length, .sequence = client->sequence,
                   .deadline = deadline, .session = client->info.session, .time = (uint64_t)now_ns()};
    if (client->ring && length) made.offset = ARENA;
    made.crc = crc32c(&made, 60);
    return made;
}

static int32_t check_header(const header* got) {
    if (got->magic != 0x50474E45 || got->version != 1 || got->crc != crc32c(got, 60)) return fail(ENG_CLIENT_PROTOCOL, "the server sent a damaged header");
    return 0;
}

static int32_t send_all(int fd, const void* data, size_t length) {
    const uint8_t* at = data;
    while (length) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return fail(errno == EAGAIN ? ENG_CLIENT_TIMEOUT : ENG_CLIENT_SYSTEM, "sending to the server: %s", strerror(errno));
        at += sent;
        length -= (size_t)sent;
    }
    return 0;
}

/* Receives exactly `length` bytes; a descriptor that comes with the first of them goes to *descriptor where that is not NULL. */
static int32_t receive_all(int fd, void* data, size_t length, int* descriptor) {
    uint8_t* at = data;
    while (length) {
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec piece = {at, length};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        if (descriptor) {
            message.msg_control = &control;
            message.msg_controllen = sizeof control;
        }
        ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return fail(ENG_CLIENT_TIMEOUT, "no answer from the server in time");
        if (got < 0) return fail(ENG_CLIENT_SYSTEM, "receiving from the server: %s", strerror(errno));
        if (got == 0) return fail(ENG_CLIENT_SYSTEM, "the server closed the connection");
        struct cmsghdr* with = descriptor ? CMSG_FIRSTHDR(&message) : NULL;
        if (with && with->cmsg_level == SOL_SOCKET && with->cmsg_type == SCM_RIGHTS && *descriptor < 0) memcpy(descriptor, CMSG_DATA(with), sizeof(int));
        at += got;
        length -= (size_t)got;
    }
    return 0;
}

static int32_t open_socket(eng_client* client, const eng_client_options* options) {
    struct timeval limit = {client->timeout_ns / 1000000000, client->timeout_ns % 1000000000 / 1000};
    if (options->unix_path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (strlen(options->unix_path) >= sizeof address.sun_path) return fail(ENG_CLIENT_ARGUMENT, "the socket's path has more than %zu characters", sizeof address.sun_path - 1);
        strcpy(address.sun_path, options->unix_path);
        client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (client->socket < 0 || connect(client->socket, (struct sockaddr*)&address, sizeof address) != 0)
            return fail(ENG_CLIENT_SYSTEM, "connecting to %s: %s", options->unix_path, strerror(errno));
    } else {
        const char* host = options->host ? options->host : "127.0.0.1";
        char port[16];
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
        snprintf(port, sizeof port, "%d", options->port);
        int status = getaddrinfo(host, port, &hints, &found);
        if (status != 0) return fail(ENG_CLIENT_SYSTEM, "looking up %s: %s", host, gai_strerror(status));
        for (struct addrinfo* one = found; one; one = one->ai_next) {
            client->socket = socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
            if (client->socket >= 0 && connect(client->socket, one->ai_addr, one->ai_addrlen) == 0) break;
            status = errno;
            if (client->socket >= 0) close(client->socket);
            client->socket = -1;
        }
        freeaddrinfo(found);
        if (client->socket < 0) return fail(ENG_CLIENT_SYSTEM, "connecting to %s:%s: %s", host, port, strerror(status));
        int yes = 1;
        setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return 0;
}

// An observation that does not fit the socket is sent in parts, each of which waits for the server to be woken and to read the one before.
static void make_room(int socket, int bytes) {
    int room = 0;
    socklen_t size = sizeof room;
    if (getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, &size) == 0 && room < bytes) setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static int32_t map_ring(eng_client* client, int descriptor) {
    uint32_t bytes = client->layout.ring_bytes;
    if (descriptor < 0) return fail(ENG_CLIENT_PROTOCOL, "the server did not send the shared memory that it promised");
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || lseek(descriptor, 0, SEEK_END) != (off_t)bytes)
        return fail(ENG_CLIENT_PROTOCOL, "the shared memory is not sealed, or not of the size in the welcome");
    void* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) return fail(ENG_CLIENT_SYSTEM, "mapping the shared memory: %s", strerror(errno));
    client->ring = memory;
    uint32_t head[10];
    memcpy(head, memory, sizeof head);
    client->ring_reply_offset = head[8];
    client->ring_reply_bytes = head[9];
    uint64_t end = (uint64_t)head[8] + (uint64_t)SLOTS * head[9];
    if (head[0] != 0x52474E45 || head[1] != 1 || head[3] != SLOTS || head[4] != REQUEST_HEADERS || head[5] != REPLY_HEADERS || head[6] != ARENA
        || end > bytes || (uint64_t)ARENA + client->layout.observation_bytes > bytes)
        return fail(ENG_CLIENT_PROTOCOL, "the server's ring is of another version");
    return 0;
}

static int32_t take_welcome(eng_client* client, const uint8_t* payload, uint32_t length) {
    welcome* layout = &client->layout;
    if (length < sizeof *layout) return fail(ENG_CLIENT_PROTOCOL, "the welcome is too short");
    memcpy(layout, payload, sizeof *layout);
    uint64_t tables = sizeof *layout + (uint64_t)layout->cameras * sizeof(camera_entry), record = layout->observation_bytes;
    int good = layout->cameras <= MAX_CAMERAS && tables <= length && record <= INT32_MAX && layout->actions_bytes <= INT32_MAX && layout->state_offset >= 64
        && layout->state_offset % 64 == 0 && layout->actions_offset % 64 == 0 && layout->horizon <= 65536 && layout->action_width <= 16384
        && layout->state_offset + 4 * (uint64_t)layout->state_width <= record && layout->instruction_offset + (uint64_t)layout->instruction_bytes <= record
        && layout->actions_offset >= 64 && layout->actions_offset + 4 * (uint64_t)layout->horizon * layout->action_width <= layout->actions_bytes;
    if (!good) return fail(ENG_CLIENT_PROTOCOL, "the welcome contradicts itself");
    memcpy(client->cameras, payload + sizeof *layout, layout->cameras * sizeof(camera_entry));
    for (uint32_t i = 0; i < layout->cameras; i++) {
        const camera_entry* entry = &client->cameras[i];
        if (entry->height > 65536 || entry->width > 65536 || entry->bytes != (uint64_t)entry->height * entry->width * 3 || entry->offset + (uint64_t)entry->bytes > record)
            return fail(ENG_CLIENT_PROTOCOL, "the welcome contradicts itself");
        memcpy(client->names[i], entry->name, sizeof entry->name);
    }
    client->contract = malloc(length - tables + 1);
    client->reply_bytes = layout->actions_bytes > MAX_ERROR ? layout->actions_bytes : MAX_ERROR;
    client->reply = aligned_alloc(64, (client->reply_bytes + 63) & ~UINT32_C(63));
    if (!client->contract || !client->reply) return fail(ENG_CLIENT_SYSTEM, "no memory");
    memcpy(client->contract, payload + tables, length - tables);
    client->contract[length - tables] = 0;
    eng_client_info* info = &client->info;
    info->cameras = (int32_t)layout->cameras;
    info->state_width = (int32_t)layout->state_width;
    info->horizon = (int32_t)layout->horizon;
    info->action_width = (int32_t)layout->action_width;
    info->replan_every = (int32_t)layout->replan_every;
    info->instruction_bytes = (int32_t)layout->instruction_bytes;
    info->control_hz = layout->control_hz;
    info->contract = client->contract;
    return 0;
}

static int32_t greet(eng_client* client, const eng_client_options* options) {
    uint32_t token = options->token ? (uint32_t)strlen(options->token) : 0;
    struct {
        header head;
        uint32_t fixed[4];
        char token[MAX_TOKEN];
    } hello = {.fixed = {options->shared_memory != 0, (uint32_t)options->spin_us, token, 0}};
    if (token) memcpy(hello.token, options->token, token);
    hello.head = make_header(client, HELLO, 16 + token, 0);
    int64_t sent = now_ns();
    int descriptor = -1;
    header got;
    int32_t status = send_all(client->socket, &hello, sizeof hello.head + 16 + token);
    if (!status) status = receive_all(client->socket, &got, sizeof got, options->shared_memory ? &descriptor : NULL);
    int64_t received = now_ns();
    if (!status) status = check_header(&got);
    if (!status && got.length > MAX_WELCOME) status = fail(ENG_CLIENT_PROTOCOL, "the server announces a welcome of %u bytes", got.length);
    uint8_t* payload = status ? NULL : malloc((size_t)got.length + 1);
    if (!status && !payload) status = fail(ENG_CLIENT_SYSTEM, "no memory");
    if (!status) status = receive_all(client->socket, payload, got.length, NULL);
    if (!status && got.kind == ERROR) status = fail((int32_t)got.code, "%.*s", (int)got.length, (const char*)payload);
    else if (!status && got.kind != WELCOME) status = fail(ENG_CLIENT_PROTOCOL, "the server sent kind %u where a welcome was due", got.kind);
    if (!status) {
        client->info.session = got.session;
        if (!options->unix_path && ((int64_t)got.time < sent || (int64_t)got.time > received)) client->clock = (int64_t)got.time - (sent + received) / 2;
        status = take_welcome(client, payload, got.length);
    }
    if (!status && options->shared_memory) status = map_ring(client, descriptor);
    if (!status && !client->ring) {
        size_t bytes = sizeof(header) + client->layout.observation_bytes;
        client->frame = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
        if (!client->frame) status = fail(ENG_CLIENT_SYSTEM, "no memory");
        else memset(client->frame, 0, bytes);
        if (!status) make_room(client->socket, (int)bytes);
    }
    if (descriptor >= 0) close(descriptor);
    free(payload);
    return status;
}

int32_t eng_client_hello_sized(const eng_client_options* options, uint64_t options_size, eng_client** made) {
    if (!options || !made || options_size != sizeof *options) return fail(ENG_CLIENT_ARGUMENT, "options or client is missing, or of another version of the header");
    *made = NULL;
    if (!options->unix_path && (options->port < 1 || options->port > 65535)) return fail(ENG_CLIENT_ARGUMENT, "give unix_path, or a port of 1 to 65535");
    if (options->shared_memory && !options->unix_path) return fail(ENG_CLIENT_ARGUMENT, "shared memory goes over the Unix-domain socket: give unix_path");
    if (options->spin_us < 0 || options->spin_us > 100000) return fail(ENG_CLIENT_ARGUMENT, "spin_us is %d; expected 0 to 100000", options->spin_us);
    if (options->timeout_ms < 0) return fail(ENG_CLIENT_ARGUMENT, "timeout_ms is %d; expected 0 or more", options->timeout_ms);
    if (options->token && strlen(options->token) > MAX_TOKEN) return fail(ENG_CLIENT_ARGUMENT, "the token has more than %d bytes", MAX_TOKEN);
    eng_client* client = calloc(1, sizeof *client);
    if (!client) return fail(ENG_CLIENT_SYSTEM, "no memory");
    client->socket = -1;
    client->temperature = NAN;
    client->timeout_ns = (options->timeout_ms ? options->timeout_ms : 10000) * INT64_C(1000000);
    client->spin_ns = options->spin_us * INT64_C(1000);
    int32_t status = open_socket(client, options);
    if (!status) status = greet(client, options);
    if (status) {
        eng_client_close(client);
        return status;
    }
    *made = client;
    return 0;
}

const eng_client_info* eng_client_about(const eng_client* client) { return client ? &client->info : NULL; }

static void set_guard(eng_client* client, uint64_t value) {
    client->guard = value;
    atomic_store_explicit((_Atomic uint64_t*)(void*)(client->ring + GUARD), value, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
}

/* The record to write; in a ring it is unfinished from here until it is sent. */
static uint8_t* begin_record(eng_client* client) {
    if (!client->ring) return client->frame + sizeof(header);
    if (client->guard % 2 == 0) set_guard(client, client->guard + 1);
    return client->ring + ARENA;
}

int32_t eng_client_image(eng_client* client, int32_t index, eng_client_camera* camera) {
    if (!client || !camera || index < 0 || index >= client->info.cameras) return fail(ENG_CLIENT_ARGUMENT, "there is no camera %d", index);
    const camera_entry* entry = &client->cameras[index];
    *camera = (eng_client_camera){client->names[index], (int32_t)entry->height, (int32_t)entry->width, begin_record(client) + entry->offset};
    return 0;
}

float* eng_client_state(eng_client* client) { return client ? (float*)(void*)(begin_record(client) + client->layout.state_offset) : NULL; }

int32_t eng_client_instruction(eng_client* client, const char* text) {
    if (!client || !text) return fail(ENG_CLIENT_ARGUMENT, "client or text is missing");
    size_t length = strlen(text);
    if (length > client->layout.instruction_bytes)
        return fail(ENG_CLIENT_ARGUMENT, "the instruction has %zu bytes; the server takes at most %u", length, client->layout.instruction_bytes);
    memcpy(begin_record(client) + client->layout.instruction_offset, text, length);
    client->instruction_length = (uint32_t)length;
    return 0;
}

int32_t eng_client_temperature(eng_client* client, float temperature) {
    if (!client || temperature < 0 || temperature > 1000) return fail(ENG_CLIENT_ARGUMENT, "the temperature is %g; expected 0 to 1000, or NaN", temperature);
    client->temperature = temperature;
    return 0;
}

static _Atomic uint32_t* word(eng_client* client, int offset) { return (_Atomic uint32_t*)(void*)(client->ring + offset); }

static void publish(eng_client* client, const header* request) {
    if (client->guard % 2) set_guard(client, client->guard + 1);
    memcpy(client->ring + REQUEST_HEADERS + client->published % SLOTS * sizeof(header), request, sizeof *request);
    atomic_store_explicit(word(client, REQUEST_HEAD), ++client->published, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(word(client, SERVER_SLEEPS))) syscall(SYS_futex, word(client, REQUEST_HEAD), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Waits for the next reply in the ring and copies it out. */
static int32_t take_reply(eng_client* client, header* got) {
    int64_t began = now_ns();
    _Atomic uint32_t *head = word(client, REPLY_HEAD), *sleeps = word(client, CLIENT_SLEEPS);
    while (atomic_load_explicit(head, memory_order_acquire) == client->read) {
        int64_t waited = now_ns() - began;
        if (waited < client->spin_ns) continue;
        atomic_store(sleeps, 1);
        atomic_thread_fence(memory_order_seq_cst);
        struct timespec nap = {0, 100000000};
        if (atomic_load(head) == client->read) syscall(SYS_futex, head, FUTEX_WAIT, client->read, &nap, NULL, 0);
        atomic_store(sleeps, 0);
        if (atomic_load_explicit(head, memory_order_acquire) != client->read) break;
        char byte;
        if (recv(client->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR))
            return fail(ENG_CLIENT_SYSTEM, "the server ended the connection");
        if (waited > client->timeout_ns) return fail(ENG_CLIENT_TIMEOUT, "no answer from the server in time");
    }
    uint32_t slot = client->read++ % SLOTS;
    memcpy(got, client->ring + REPLY_HEADERS + slot * sizeof *got, sizeof *got);
    int32_t status = check_header(got);
    if (status) return status;
    if (got->offset != client->ring_reply_offset + slot * client->ring_reply_bytes || got->length > client->ring_reply_bytes || got->length > client->reply_bytes)
        return fail(ENG_CLIENT_PROTOCOL, "the server's reply lies outside the ring");
    memcpy(client->reply, client->ring + got->offset, got->length);
    return 0;
}

static int32_t receive_reply(eng_client* client, header* got) {
    int32_t status = receive_all(client->socket, got, sizeof *got, NULL);
    if (!status) status = check_header(got);
    if (!status && got->length > client->reply_bytes) status = fail(ENG_CLIENT_PROTOCOL, "the server announces %u bytes, more than the contract allows", got->length);
    return status ? status : receive_all(client->socket, client->reply, got->length, NULL);
}

static int32_t exchange(eng_client* client, int kind, uint32_t length, uint64_t deadline, int expected, header* got) {
    if (client->socket < 0) return fail(ENG_CLIENT_SYSTEM, "the connection is closed; connect again");
    client->sequence++;
    header request = make_header(client, kind, length, deadline);
    int32_t status = 0;
    if (client->ring) {
        publish(client, &request);
    } else {
        memcpy(client->frame, &request, sizeof request);
        status = send_all(client->socket, client->frame, sizeof request + length);
    }
    do {
        if (!status) status = client->ring ? take_reply(client, got) : receive_reply(client, got);
        if (!status && got->kind == BYE) status = fail(ENG_CLIENT_SYSTEM, "the server said goodbye");
    } while (!status && got->sequence != request.sequence && !(got->kind == ERROR && got->sequence == 0));
    if (!status && got->kind != expected && got->kind != ERROR) status = fail(ENG_CLIENT_PROTOCOL, "the server sent kind %u where %d was due", got->kind, expected);
    if (status || (got->kind == ERROR && (got->flags & FLAG_CLOSING))) {
        close(client->socket);
        client->socket = -1;
    }
    if (status) return status;
    return got->kind == ERROR ? fail((int32_t)got->code, "%.*s", (int)got->length, (const char*)client->reply) : 0;
}

int32_t eng_client_step(eng_client* client, uint64_t budget_ns, const float** actions) {
    if (!client || !actions) return fail(ENG_CLIENT_ARGUMENT, "client or actions is missing");
    uint8_t* record = begin_record(client);
    memcpy(record, &client->instruction_length, 4);
    memcpy(record + 4, &client->temperature, 4);
    uint64_t deadline = budget_ns ? (uint64_t)(now_ns() + client->clock) + budget_ns : 0;
    header got;
    int32_t status = exchange(client, OBSERVE, client->layout.instruction_offset + client->instruction_length, deadline, ACTIONS, &got);
    if (status) return status;
    if (got.length != client->layout.actions_bytes) return fail(ENG_CLIENT_PROTOCOL, "the server sent %u bytes of actions", got.length);
    memcpy(&client->info.policy_ns, client->reply + 16, 8);
    memcpy(&client->info.server_ns, client->reply + 24, 8);
    client->info.late = (got.flags & FLAG_LATE) != 0;
    *actions = (const float*)(const void*)(client->reply + client->layout.actions_offset);
    return 0;
}

int32_t eng_client_reset(eng_client* client) {
    header got;
    return client ? exchange(client, RESET, 0, 0, RESET, &got) : fail(ENG_CLIENT_ARGUMENT, "client is missing");
}

void eng_client_close(eng_client* client) {
    if (!client) return;
    if (client->socket >= 0) {
        if (!client->ring) {
            client->sequence++;
            header bye = make_header(client, BYE, 0, 0);
            (void)send(client->socket, &bye, sizeof bye, MSG_NOSIGNAL);
        }
        close(client->socket);
    }
    if (client->ring) munmap(client->ring, client->layout.ring_bytes);
    free(client->contract);
    free(client->frame);
    free(client->reply);
    free(client);
}
