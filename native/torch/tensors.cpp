#include <ATen/core/grad_mode.h>
#include <cstring>
#include "boundary.h"

namespace {
eng::Impl* impl(eng_torch_tensor handle) { return static_cast<eng::Impl*>(handle); }
}  // namespace

int32_t eng_torch_from_data(const void* data, const int64_t* sizes, int32_t dim, int32_t dtype, eng_torch_device_number number, eng_torch_tensor* out) {
  return eng::guard([&] {
    auto options = at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype));
    auto device = eng::device_of(number);
    // Pinned memory is read by the GPU while this thread goes on; libtorch gives it back when that is done.
    auto tensor = at::empty(eng::shape(sizes, dim), device.is_cuda() ? options.pinned_memory(true) : options);
    if (tensor.numel() > 0) std::memcpy(tensor.data_ptr(), data, tensor.nbytes());
    if (!device.is_cpu()) tensor = tensor.to(device, tensor.scalar_type(), /*non_blocking=*/true);
    *out = eng::give(std::move(tensor));
  });
}

int32_t eng_torch_from_memory(void* memory, const int64_t* sizes, int32_t dim, int32_t dtype, eng_torch_device_number device, eng_torch_tensor* out) {
  return eng::guard([&] {
    auto where = eng::device_of(device);
    auto blob = at::for_blob(memory, eng::shape(sizes, dim));
    blob.options(at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype)).device(where));
    // Left to itself libtorch asks the driver of CUDA whose memory it is, and refuses another device's.
    if (!where.is_cuda()) blob.target_device(where);
    *out = eng::give(blob.make_tensor());
  });
}

int32_t eng_torch_full(double value, const int64_t* sizes, int32_t dim, int32_t dtype, eng_torch_device_number device, eng_torch_tensor* out) {
  return eng::guard([&] {
    auto options = at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype)).device(eng::device_of(device));
    *out = eng::give(at::full(eng::shape(sizes, dim), value, options));
  });
}

int32_t eng_torch_copy_out(eng_torch_tensor handle, int32_t dtype, void* destination, int64_t count) {
  return eng::guard([&] {
    at::NoGradGuard no_grad;
    auto tensor = eng::borrow(handle);
    TORCH_CHECK(tensor.numel() == count, "the destination holds ", count, " numbers, the tensor ", tensor.numel());
    tensor = tensor.to(at::kCPU, static_cast<c10::ScalarType>(dtype)).contiguous();
    if (count > 0) std::memcpy(destination, tensor.data_ptr(), tensor.nbytes());
  });
}

int32_t eng_torch_contiguous(eng_torch_tensor tensor, int32_t channels_last, eng_torch_tensor* out) {
  return eng::guard([&] {
    auto format = channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    *out = eng::give(eng::borrow(tensor).contiguous(format));
  });
}

int32_t eng_torch_to(eng_torch_tensor tensor, int32_t dtype, eng_torch_tensor* out) {
  return eng::guard([&] { *out = eng::give(eng::borrow(tensor).to(static_cast<c10::ScalarType>(dtype))); });
}

int32_t eng_torch_to_device(eng_torch_tensor tensor, eng_torch_device_number device, eng_torch_tensor* out) {
  return eng::guard([&] { *out = eng::give(eng::borrow(tensor).to(eng::device_of(device))); });
}

int32_t eng_torch_item(eng_torch_tensor tensor, double* out) {
  return eng::guard([&] { *out = eng::borrow(tensor).item().toDouble(); });
}

int32_t eng_torch_data(eng_torch_tensor handle, void** out, int32_t* is_contiguous) {
  return eng::guard([&] {
    auto tensor = eng::borrow(handle);
    *is_contiguous = tensor.is_contiguous();
    *out = tensor.data_ptr();
  });
}

void eng_torch_release(eng_torch_tensor tensor) {
  if (tensor) eng::ImplPointer::reclaim(impl(tensor));
}

int32_t eng_torch_dim(eng_torch_tensor tensor) { return static_cast<int32_t>(impl(tensor)->dim()); }
int64_t eng_torch_numel(eng_torch_tensor tensor) { return impl(tensor)->numel(); }
int32_t eng_torch_dtype(eng_torch_tensor tensor) { return static_cast<int32_t>(c10::typeMetaToScalarType(impl(tensor)->dtype())); }
eng_torch_device_number eng_torch_device(eng_torch_tensor tensor) { return eng::number_of(impl(tensor)->device()); }
void eng_torch_sizes(eng_torch_tensor tensor, int64_t* out) {
  auto sizes = impl(tensor)->sizes();
  std::copy(sizes.begin(), sizes.end(), out);
}
