// A cuBLASLt whose matrices are in host memory: the plainest loops, by columns as the real one has them, and the checks of arguments that matter. GELU is refused, so that
// what an algorithm is missing for shows.
#include <cmath>
#include <cstdint>
#include <cstring>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct description { int compute, scale, transpose_a = 0, transpose_b = 0, epilogue = 1, bias_type = -1; const float* bias = nullptr; };
struct layout { int type; uint64_t rows, columns; int64_t leading; };
struct preference { uint64_t workspace = 0; uint32_t alignments[4] = {256, 256, 256, 256}; };
struct result { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; };

int handles, heuristics;
constexpr int invalid = 7, unsupported = 15;

float number(const void* at, int type, uint64_t index) {
  if (type == 0) return static_cast<const float*>(at)[index];
  uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(at)[index]) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

void store(void* at, int type, uint64_t index, float value) {
  if (type == 0) {
    static_cast<float*>(at)[index] = value;
    return;
  }
  uint32_t bits;
  memcpy(&bits, &value, 4);
  static_cast<uint16_t*>(at)[index] = static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <class T>
int make(T** to, T* value) {
  *to = value;
  handles++;
  return 0;
}

template <class T>
int end(T* value) {
  delete value;
  handles--;
  return 0;
}

}  // namespace

EXPORT int fake_handles() { return handles; }
EXPORT int fake_heuristics() { return heuristics; }
EXPORT size_t cublasLtGetVersion() { return 120304; }
EXPORT const char* cublasLtGetStatusString(int status) { return status == unsupported ? "CUBLAS_STATUS_NOT_SUPPORTED" : status == 0 ? "CUBLAS_STATUS_SUCCESS" : "CUBLAS_STATUS_INVALID_VALUE"; }
EXPORT int cublasLtCreate(int** handle) { return make(handle, new int); }
EXPORT int cublasLtDestroy(int* handle) { return end(handle); }
EXPORT int cublasLtMatmulDescCreate(description** to, int compute, int scale) { return make(to, new description{compute, scale}); }
EXPORT int cublasLtMatmulDescDestroy(description* d) { return end(d); }
EXPORT int cublasLtMatrixLayoutCreate(layout** to, int type, uint64_t rows, uint64_t columns, int64_t leading) { return make(to, new layout{type, rows, columns, leading}); }
EXPORT int cublasLtMatrixLayoutDestroy(layout* l) { return end(l); }
EXPORT int cublasLtMatmulPreferenceCreate(preference** to) { return make(to, new preference); }
EXPORT int cublasLtMatmulPreferenceDestroy(preference* p) { return end(p); }

EXPORT int cublasLtMatmulDescSetAttribute(description* d, int attribute, const void* value, size_t bytes) {
  if (attribute == 8) return bytes == 8 ? memcpy(&d->bias, value, 8), 0 : invalid;
  int* to = attribute == 3 ? &d->transpose_a : attribute == 4 ? &d->transpose_b : attribute == 7 ? &d->epilogue : attribute == 26 ? &d->bias_type : nullptr;
  return to && bytes == 4 ? memcpy(to, value, 4), 0 : invalid;
}

EXPORT int cublasLtMatmulPreferenceSetAttribute(preference* p, int attribute, const void* value, size_t bytes) {
  if (attribute == 1 && bytes == 8) return memcpy(&p->workspace, value, 8), 0;
  return attribute >= 5 && attribute <= 8 && bytes == 4 ? memcpy(&p->alignments[attribute - 5], value, 4), 0 : invalid;
}

EXPORT int cublasLtMatmulAlgoGetHeuristic(int*, description* d, layout* a, layout* b, layout* c, layout* y, preference* p, int asked, result* results, int* found) {
  heuristics++;
  *found = 0;
  const uint64_t inner = d->transpose_a ? a->rows : a->columns;
  if (d->compute != 68 || d->scale != 0 || asked < 1 || p->workspace == 0 || inner != b->rows || (d->transpose_a ? a->columns : a->rows) != y->rows || b->columns != y->columns || c->type != y->type) return invalid;
  if (d->epilogue & 32 || a->type != 14 || b->type != 14 || (y->type != 14 && y->type != 0)) return unsupported;
  *results = result{};
  results->algorithm[7] = 0x5eed0000u + p->alignments[3];
  *found = 1;
  return 0;
}

EXPORT int cublasLtMatmul(
    int*, description* d, const float* alpha, const void* a, layout* la, const void* b, layout* lb, const float* beta, const void*, layout*, void* y, layout* ly, const uint64_t* algorithm,
    void* workspace, size_t workspace_bytes, void*) {
  const uint64_t alignment = algorithm[7] - 0x5eed0000u;
  if (alignment < 16 || alignment > 256 || (reinterpret_cast<uint64_t>(a) | reinterpret_cast<uint64_t>(b) | reinterpret_cast<uint64_t>(y)) % alignment != 0 || !workspace || workspace_bytes == 0 || *beta != 0) return invalid;
  if ((d->epilogue & 4) != 0 && (d->bias == nullptr || d->bias_type != 0)) return invalid;
  const uint64_t inner = lb->rows;
  for (uint64_t column = 0; column < ly->columns; column++) {
    for (uint64_t row = 0; row < ly->rows; row++) {
      double sum = 0;
      for (uint64_t k = 0; k < inner; k++) {
        const uint64_t at = d->transpose_a ? row * la->leading + k : k * la->leading + row;
        sum += static_cast<double>(number(a, la->type, at)) * number(b, lb->type, column * lb->leading + k);
      }
      float value = static_cast<float>(*alpha * sum);
      if (d->epilogue & 4) value += d->bias[row];
      store(y, ly->type, column * ly->leading + row, value);
    }
  }
  return 0;
}
