// C ABI over libtorch. Any ATen operator is called by its schema name through the boxed dispatcher, so that a new operator
// needs no native code. Every function that can fail returns 0, or a status other than 0 after which
// eng_torch_last_error() holds the message of this thread. No exception crosses.
#pragma once
#include <stdint.h>

#define ENG_TORCH_ABI_VERSION 3
#define ENG_TORCH_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

// A tensor handle is a strong reference to a TensorImpl; eng_torch_release gives it back.
typedef void* eng_torch_tensor;

enum eng_torch_tag {
  ENG_TORCH_NONE = 0,
  ENG_TORCH_TENSOR = 1,
  ENG_TORCH_INT = 2,
  ENG_TORCH_DOUBLE = 3,
  ENG_TORCH_BOOL = 4,
  ENG_TORCH_INT_LIST = 5,      // pointer to int64_t, length
  ENG_TORCH_TENSOR_LIST = 6,   // pointer to handles, length; in results to be freed with eng_torch_free_list
  ENG_TORCH_STRING = 7,        // pointer to UTF-8 bytes, length
  ENG_TORCH_DEFAULT = 8,       // the schema's default value
  ENG_TORCH_DEVICE = 9,        // integer, as below
};

// A device is one number: c10::DeviceType's in the low 16 bits, the index above. 0 is the processor.
typedef int32_t eng_torch_device_number;

// One argument or result: 24 bytes.
typedef struct {
  int32_t tag;
  int32_t reserved;
  union { int64_t integer; double real; void* pointer; } value;
  int64_t length;
} eng_torch_value;

ENG_TORCH_API int32_t eng_torch_abi_version(void);
ENG_TORCH_API const char* eng_torch_version(void);            // e.g. "1.13.1"
ENG_TORCH_API const char* eng_torch_last_error(void);         // UTF-8, valid until the next failure on this thread
ENG_TORCH_API int32_t eng_torch_set_threads(int32_t count);
ENG_TORCH_API int32_t eng_torch_threads(void);

// Devices. built: whether this libtorch has CUDA; count: GPUs that it sees, 0 where there is none.
ENG_TORCH_API int32_t eng_torch_cuda(int32_t* built, int32_t* count);
ENG_TORCH_API int32_t eng_torch_synchronize(eng_torch_device_number device);  // waits for what this thread has asked of the device
// Own loops over the processor's memory (fused operations, optimizer, group norm): 0 leaves all of it to libtorch's operations, as on
// every other device; for tests. Returns what it was.
ENG_TORCH_API int32_t eng_torch_set_own_kernels(int32_t on);

// Operators. A handle lives as long as the process.
ENG_TORCH_API int32_t eng_torch_operator(const char* name, const char* overload, void** out);
ENG_TORCH_API int32_t eng_torch_call(void* op, const eng_torch_value* arguments, int32_t count,
                                     eng_torch_value* results, int32_t capacity, int32_t* result_count);
ENG_TORCH_API void eng_torch_free_list(void* list);

// Tensors. Sizes are int64; dtype is c10::ScalarType's number; data that is copied in or out is the processor's.
ENG_TORCH_API int32_t eng_torch_from_data(const void* data, const int64_t* sizes, int32_t dim, int32_t dtype, eng_torch_device_number device, eng_torch_tensor* out);
// No copy: memory of the device itself, row-major, which has to stay as long as the tensor or anything that shares it does.
ENG_TORCH_API int32_t eng_torch_from_memory(void* memory, const int64_t* sizes, int32_t dim, int32_t dtype, eng_torch_device_number device, eng_torch_tensor* out);
ENG_TORCH_API int32_t eng_torch_full(double value, const int64_t* sizes, int32_t dim, int32_t dtype, eng_torch_device_number device, eng_torch_tensor* out);
ENG_TORCH_API int32_t eng_torch_copy_out(eng_torch_tensor tensor, int32_t dtype, void* destination, int64_t count);
ENG_TORCH_API int32_t eng_torch_contiguous(eng_torch_tensor tensor, int32_t channels_last, eng_torch_tensor* out);
ENG_TORCH_API int32_t eng_torch_to(eng_torch_tensor tensor, int32_t dtype, eng_torch_tensor* out);
ENG_TORCH_API int32_t eng_torch_to_device(eng_torch_tensor tensor, eng_torch_device_number device, eng_torch_tensor* out);
ENG_TORCH_API int32_t eng_torch_item(eng_torch_tensor tensor, double* out);
ENG_TORCH_API int32_t eng_torch_data(eng_torch_tensor tensor, void** out, int32_t* is_contiguous);   // an address of its device
ENG_TORCH_API void eng_torch_release(eng_torch_tensor tensor);
ENG_TORCH_API int32_t eng_torch_dim(eng_torch_tensor tensor);
ENG_TORCH_API int64_t eng_torch_numel(eng_torch_tensor tensor);
ENG_TORCH_API int32_t eng_torch_dtype(eng_torch_tensor tensor);
ENG_TORCH_API eng_torch_device_number eng_torch_device(eng_torch_tensor tensor);
ENG_TORCH_API void eng_torch_sizes(eng_torch_tensor tensor, int64_t* out);    // room for dim numbers

// Gradients.
ENG_TORCH_API int32_t eng_torch_requires_grad(eng_torch_tensor tensor);
ENG_TORCH_API int32_t eng_torch_set_requires_grad(eng_torch_tensor tensor, int32_t on);
ENG_TORCH_API int32_t eng_torch_grad(eng_torch_tensor tensor, eng_torch_tensor* out);      // out is null where there is none
ENG_TORCH_API int32_t eng_torch_clear_grad(eng_torch_tensor tensor);
ENG_TORCH_API int32_t eng_torch_backward(eng_torch_tensor tensor, eng_torch_tensor gradient);
ENG_TORCH_API int32_t eng_torch_set_grad_mode(int32_t on);                    // returns what it was

// Group normalisation; as ATen's, with a backward pass that is fast for channels-last images too. Weight and bias may be null.
ENG_TORCH_API int32_t eng_torch_group_norm(eng_torch_tensor input, int64_t groups, eng_torch_tensor weight, eng_torch_tensor bias,
                                           double eps, eng_torch_tensor* out);

// Optimizer. On the processor float32 and one pass over the memory of each parameter; elsewhere libtorch's operations over lists.
// All parameters of a call are on one device.
typedef struct {
  double learning_rate, beta1, beta2, epsilon, weight_decay;
} eng_torch_adamw_options;

// Parameters without a gradient are left alone; steps[i] is raised for the others.
ENG_TORCH_API int32_t eng_torch_adamw(const eng_torch_adamw_options* options, const eng_torch_tensor* parameters,
                                      const eng_torch_tensor* exp_avg, const eng_torch_tensor* exp_avg_sq, int64_t* steps, int32_t count);
// average = decay * average + (1 - decay) * source
ENG_TORCH_API int32_t eng_torch_ema(double decay, const eng_torch_tensor* average, const eng_torch_tensor* source, int32_t count);
// L2 norm over all gradients; on the processor independent of the number of threads.
ENG_TORCH_API int32_t eng_torch_grad_norm(const eng_torch_tensor* parameters, int32_t count, double* out);
ENG_TORCH_API int32_t eng_torch_scale_grads(const eng_torch_tensor* parameters, int32_t count, double factor);
ENG_TORCH_API int32_t eng_torch_clear_grads(const eng_torch_tensor* parameters, int32_t count);

#ifdef __cplusplus
}
#endif
