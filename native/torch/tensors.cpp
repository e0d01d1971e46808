#include <ATen/core/grad_mode.h>
#include <cstring>
#include "boundary.h"

namespace {
eng::Impl* impl(eng_torch_tensor handle) { return static_cast<eng::Impl*>(handle); }
}  // namespace

int32_t eng_torch_from_data(const void* data, const int64_t* sizes, int32_t dim, int32_t dtype, eng_torch_tensor* out) {
  return eng::guard([&] {
    auto tensor = at::empty(eng::shape(sizes, dim), at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype)));
    if (tensor.numel() > 0) std::memcpy(tensor.data_ptr(), data, tensor.nbytes());
    *out = eng::give(std::move(tensor));
  });
}

int32_t eng_torch_full(double value, const int64_t* sizes, int32_t dim, int32_t dtype, eng_torch_tensor* out) {
  return eng::guard([&] {
    *out = eng::give(at::full(eng::shape(sizes, dim), value, at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype))));
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

int32_t eng_torch_item(eng_torch_tensor tensor, double* out) {
  return eng::guard([&] { *out = eng::borrow(tensor).item().toDouble(); });
}

int32_t eng_torch_data(eng_torch_tensor handle, void** out, int32_t* is_dense_cpu) {
  return eng::guard([&] {
    auto tensor = eng::borrow(handle);
    *is_dense_cpu = tensor.is_contiguous() && tensor.device().is_cpu();
    *out = tensor.data_ptr();
  });
}

void eng_torch_release(eng_torch_tensor tensor) {
  if (tensor) eng::ImplPointer::reclaim(impl(tensor));
}

int32_t eng_torch_dim(eng_torch_tensor tensor) { return static_cast<int32_t>(impl(tensor)->dim()); }
int64_t eng_torch_numel(eng_torch_tensor tensor) { return impl(tensor)->numel(); }
int32_t eng_torch_dtype(eng_torch_tensor tensor) { return static_cast<int32_t>(c10::typeMetaToScalarType(impl(tensor)->dtype())); }
void eng_torch_sizes(eng_torch_tensor tensor, int64_t* out) {
  auto sizes = impl(tensor)->sizes();
  std::copy(sizes.begin(), sizes.end(), out);
}
