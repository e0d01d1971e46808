// A libcuda.so.1 without a GPU, for tests of the code that calls the driver: device memory is host memory, a module is the emulation's shared library in
// memory, and a call that gets arguments in another order or of another width than cuda.h has would fail here. fake_cuda_mode sets what goes wrong.
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

enum mode { normal = 0, no_device = 1, out_of_memory = 2, launch_fails = 3, no_pools = 4 };
enum status { success = 0, invalid_value = 1, no_memory = 2, device_missing = 100, bad_image = 200, bad_context = 201, not_found = 500, illegal_address = 700, captured = 900 };

struct stream_t { uint32_t magic = 0x5747; bool recording = false; std::vector<std::function<int()>> work; };
struct graph_t { uint32_t magic = 0x6747; std::vector<std::function<int()>> work; };
struct event_t { uint32_t magic = 0x6576; std::chrono::steady_clock::time_point at; };
struct module_t { void* library; int (*launch)(const char*, const uint32_t*, const uint32_t*, uint32_t, void**); };
struct function_t { module_t* module; std::string name; int most_dynamic = 48 << 10; };

static int current_mode = normal;
static thread_local void* current_context = nullptr;
static int context_object, pool_object, retained = 0;
static std::map<uint64_t, size_t> memory;

API void fake_cuda_mode(int mode) { current_mode = mode; }
API int fake_cuda_retained() { return retained; }
API int fake_cuda_buffers() { return static_cast<int>(memory.size()); }

static int within(uint64_t address, size_t bytes) {
  for (auto& [start, length] : memory) {
    if (address >= start && address + bytes <= start + length) return success;
  }
  return illegal_address;
}

static int give(void* handle, std::function<int()> work) {
  if (current_context != &context_object) return bad_context;
  auto* stream = static_cast<stream_t*>(handle);
  if (stream == nullptr || stream->magic != 0x5747) return invalid_value;
  if (!stream->recording) return work();
  stream->work.push_back(work);
  return success;
}

API int cuInit(unsigned flags) { return flags != 0 ? invalid_value : current_mode == no_device ? device_missing : success; }
API int cuGetErrorName(int code, const char** text) {
  *text = code == device_missing ? "CUDA_ERROR_NO_DEVICE" : code == no_memory ? "CUDA_ERROR_OUT_OF_MEMORY" : code == illegal_address ? "CUDA_ERROR_ILLEGAL_ADDRESS" : nullptr;
  return *text ? success : invalid_value;
}
API int cuGetErrorString(int, const char** text) { *text = "as the fake driver was told"; return success; }
API int cuDriverGetVersion(int* version) { *version = 12040; return success; }
API int cuDeviceGetCount(int* count) { *count = 1; return success; }
API int cuDeviceGet(int* device, int ordinal) { *device = 7; return ordinal == 0 ? success : invalid_value; }
API int cuDeviceGetName(char* name, int length, int device) { snprintf(name, length, "Fake GPU"); return device == 7 ? success : invalid_value; }
API int cuDeviceTotalMem_v2(size_t* bytes, int device) { *bytes = 1ull << 36; return device == 7 ? success : invalid_value; }
API int cuDeviceGetAttribute(int* value, int attribute, int device) {
  static const std::map<int, int> values = {{75, 9}, {76, 0}, {16, 132}, {97, 232448}, {115, 1}};
  auto found = values.find(attribute);
  if (found == values.end() || device != 7) return invalid_value;
  *value = attribute == 115 && current_mode == no_pools ? 0 : found->second;
  return success;
}
API int cuDevicePrimaryCtxRetain(void** context, int device) { *context = &context_object; retained++; return device == 7 ? success : invalid_value; }
API int cuDevicePrimaryCtxRelease_v2(int device) { retained--; return device == 7 ? success : invalid_value; }
API int cuDeviceGetDefaultMemPool(void** pool, int device) { *pool = &pool_object; return device == 7 ? success : invalid_value; }
API int cuMemPoolSetAttribute(void* pool, int attribute, void* value) {
  return pool == &pool_object && attribute == 4 && *static_cast<uint64_t*>(value) == UINT64_MAX ? success : invalid_value;
}
API int cuCtxSetCurrent(void* context) { current_context = context; return context == &context_object ? success : bad_context; }
API int cuMemGetInfo_v2(size_t* free, size_t* total) { *free = 3ull << 20; *total = 1ull << 36; return success; }

API int cuStreamCreate(void** stream, unsigned flags) { *stream = new stream_t; return flags == 1 ? success : invalid_value; }
API int cuStreamDestroy_v2(void* stream) { delete static_cast<stream_t*>(stream); return success; }
API int cuStreamSynchronize(void* stream) {
  if (static_cast<stream_t*>(stream)->recording) return captured;
  if (current_mode == launch_fails) return illegal_address;
  return success;
}
API int cuStreamWaitEvent(void* stream, void* event, unsigned flags) {
  return static_cast<stream_t*>(stream)->magic == 0x5747 && static_cast<event_t*>(event)->magic == 0x6576 && flags == 0 ? success : invalid_value;
}
API int cuEventCreate(void** event, unsigned flags) { *event = new event_t; return flags == 0 ? success : invalid_value; }
API int cuEventDestroy_v2(void* event) { delete static_cast<event_t*>(event); return success; }
API int cuEventRecord(void* event, void* stream) {
  if (static_cast<stream_t*>(stream)->magic != 0x5747) return invalid_value;
  static_cast<event_t*>(event)->at = std::chrono::steady_clock::now();
  return success;
}
API int cuEventSynchronize(void* event) { return static_cast<event_t*>(event)->magic == 0x6576 ? success : invalid_value; }
API int cuEventElapsedTime(float* milliseconds, void* first, void* last) {
  *milliseconds = std::chrono::duration<float, std::milli>(static_cast<event_t*>(last)->at - static_cast<event_t*>(first)->at).count();
  return success;
}

API int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  if (current_mode == out_of_memory) return no_memory;
  *address = reinterpret_cast<uint64_t>(aligned_alloc(256, (bytes + 255) / 256 * 256));
  memset(reinterpret_cast<void*>(*address), 0xFF, bytes);
  memory[*address] = bytes;
  return success;
}
API int cuMemAllocAsync(uint64_t* address, size_t bytes, void* stream) {
  if (current_mode == no_pools) return invalid_value;
  if (static_cast<stream_t*>(stream)->recording) return captured;
  return cuMemAlloc_v2(address, bytes);
}
API int cuMemFree_v2(uint64_t address) {
  if (!memory.erase(address)) return invalid_value;
  free(reinterpret_cast<void*>(address));
  return success;
}
API int cuMemFreeAsync(uint64_t address, void* stream) {
  return current_mode != no_pools && static_cast<stream_t*>(stream)->magic == 0x5747 ? cuMemFree_v2(address) : invalid_value;
}
API int cuMemHostAlloc(void** address, size_t bytes, unsigned flags) { *address = malloc(bytes); return flags == 0 ? success : invalid_value; }
API int cuMemFreeHost(void* address) { free(address); return success; }
API int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* stream) {
  if (within(to, bytes)) return illegal_address;
  return give(stream, [=] { memcpy(reinterpret_cast<void*>(to), from, bytes); return 0; });
}
API int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream) {
  if (within(from, bytes)) return illegal_address;
  return give(stream, [=] { memcpy(to, reinterpret_cast<void*>(from), bytes); return 0; });
}
API int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void* stream) {
  if (within(from, bytes) || within(to, bytes)) return illegal_address;
  return give(stream, [=] { memcpy(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes); return 0; });
}
API int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void* stream) {
  if (within(to, bytes)) return illegal_address;
  return give(stream, [=] { memset(reinterpret_cast<void*>(to), value, bytes); return 0; });
}

API int cuModuleLoadDataEx(void** handle, const void* image, unsigned count, int* options, void** values) {
  if (count != 2 || options[0] != 5 || options[1] != 6) return invalid_value;
  auto* log = static_cast<char*>(values[0]);
  if (memcmp(image, "\x7f" "ELF", 4) != 0) {
    snprintf(log, reinterpret_cast<size_t>(values[1]), "the fake driver loads shared libraries only");
    return bad_image;
  }
  // The section table is the last thing in what the linker writes.
  auto* bytes = static_cast<const unsigned char*>(image);
  uint64_t table;
  uint16_t sections;
  memcpy(&table, bytes + 40, 8);
  memcpy(&sections, bytes + 60, 2);
  size_t length = table + 64ul * sections;
  int file = memfd_create("module", 0);
  if (write(file, image, length) != static_cast<ssize_t>(length)) return bad_image;
  std::string path = "/proc/self/fd/" + std::to_string(file);
  auto* module = new module_t{dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), nullptr};
  if (!module->library) {
    snprintf(log, reinterpret_cast<size_t>(values[1]), "%s", dlerror());
    return bad_image;
  }
  module->launch = reinterpret_cast<decltype(module->launch)>(dlsym(module->library, "eng_emulate_launch"));
  *handle = module;
  return module->launch ? success : bad_image;
}
API int cuModuleUnload(void*) { return success; }
API int cuModuleGetFunction(void** function, void* module, const char* name) {
  if (std::string(name) == "absent") return not_found;
  *function = new function_t{static_cast<module_t*>(module), name};
  return success;
}
API int cuFuncGetAttribute(int* value, int attribute, void* function) {
  *value = attribute == 8 ? static_cast<function_t*>(function)->most_dynamic : attribute == 4 ? 42 : 0;
  return success;
}
API int cuFuncSetAttribute(void* function, int attribute, int value) {
  if (attribute != 8) return invalid_value;
  static_cast<function_t*>(function)->most_dynamic = value;
  return success;
}
API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function, int threads, size_t dynamic) {
  *blocks = 2048 / threads;
  return static_cast<function_t*>(function)->most_dynamic >= static_cast<int>(dynamic) ? success : invalid_value;
}
API int cuLaunchKernel(
    void* handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void* stream, void** arguments, void** extra) {
  auto* function = static_cast<function_t*>(handle);
  if (extra || by != 1 || bz != 1 || gy > 65535 || gz > 65535 || static_cast<int>(shared) > function->most_dynamic) return invalid_value;
  // How many there are only the kernel knows; more than it has are copied here and not looked at.
  std::vector<uint64_t> kept;
  for (int i = 0; arguments[i] != nullptr; i++) kept.push_back(*static_cast<uint64_t*>(arguments[i]));
  return give(stream, [=]() mutable {
    std::vector<void*> slots;
    for (auto& value : kept) slots.push_back(&value);
    uint32_t grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
    return function->module->launch(function->name.c_str(), grid, block, shared, slots.data()) == 0 ? success : illegal_address;
  });
}

API int cuStreamBeginCapture_v2(void* handle, int mode) {
  auto* stream = static_cast<stream_t*>(handle);
  if (mode != 1 || stream->recording) return invalid_value;
  stream->recording = true;
  stream->work.clear();
  return success;
}
API int cuStreamEndCapture(void* handle, void** graph) {
  auto* stream = static_cast<stream_t*>(handle);
  if (!stream->recording) return invalid_value;
  stream->recording = false;
  *graph = new graph_t{0x6747, stream->work};
  return success;
}
#if !defined(FAKE_OLD_DRIVER)
API int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags) {
  *executable = new graph_t{0x6747, static_cast<graph_t*>(graph)->work};
  return flags == 0 ? success : invalid_value;
}
#endif
struct launch_attribute { int id; alignas(8) int value; char rest[60]; };
struct launch_configuration { unsigned gx, gy, gz, bx, by, bz, shared; void* stream; launch_attribute* attributes; unsigned count; };
static_assert(sizeof(launch_attribute) == 72 && sizeof(launch_configuration) == 56, "as cuda.h has them");

static int overlapping = 0;
API int fake_cuda_overlapping() { return overlapping; }

#if !defined(FAKE_OLD_DRIVER)
API int cuLaunchKernelEx(const launch_configuration* c, void* handle, void** arguments, void** extra) {
  if (c->count != 1 || c->attributes->id != 6 || c->attributes->value != 1) return invalid_value;
  overlapping++;
  return cuLaunchKernel(handle, c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared, c->stream, arguments, extra);
}
#endif

API int cuGraphLaunch(void* executable, void* stream) {
  auto* graph = static_cast<graph_t*>(executable);
  if (graph->magic != 0x6747) return invalid_value;
  for (auto& step : graph->work) {
    int result = give(stream, step);
    if (result != success) return result;
  }
  return success;
}
API int cuGraphDestroy(void* graph) { delete static_cast<graph_t*>(graph); return success; }
API int cuGraphExecDestroy(void* executable) { delete static_cast<graph_t*>(executable); return success; }
