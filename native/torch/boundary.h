// What every function of the ABI needs: handles in and out, and exceptions turned into a status and a message.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <atomic>
#include <exception>
#include <string>
#include "eng_torch.h"

namespace eng {

using Impl = c10::TensorImpl;
using ImplPointer = c10::intrusive_ptr<Impl, c10::UndefinedTensorImpl>;

extern thread_local std::string last_error;

// A tensor that holds a reference of its own to what the handle refers to.
inline at::Tensor borrow(eng_torch_tensor handle) {
  c10::raw::intrusive_ptr::incref(static_cast<Impl*>(handle));
  return at::Tensor(ImplPointer::reclaim(static_cast<Impl*>(handle)));
}

// Turns a tensor into a handle without touching the count; an undefined tensor is the null handle.
inline eng_torch_tensor give(at::Tensor&& tensor) {
  return tensor.defined() ? tensor.unsafeReleaseTensorImpl() : nullptr;
}

inline c10::Device device_of(eng_torch_device_number number) {
  auto type = static_cast<c10::DeviceType>(number & 0xffff);
  return {type, static_cast<c10::DeviceIndex>(type == c10::DeviceType::CPU ? -1 : number >> 16)};
}

inline eng_torch_device_number number_of(const c10::Device& device) {
  return device.is_cpu() ? 0 : static_cast<int32_t>(device.type()) | static_cast<int32_t>(device.index()) << 16;
}

// The one place that decides between this library's own loops and libtorch's operations: the loops are for the processor's memory.
extern std::atomic<bool> own_kernels_on;
inline bool own_kernels(const at::Tensor& tensor) { return tensor.device().is_cpu() && own_kernels_on.load(std::memory_order_relaxed); }

inline at::IntArrayRef shape(const int64_t* sizes, int32_t dim) { return {sizes, static_cast<size_t>(dim)}; }

// OpenMP's thread count belongs to the thread that starts the parallel region, and ATen tells it only to the thread that calls
// at::set_num_threads: every other thread takes it over here, again after each change.
extern std::atomic<int32_t> thread_count_changes;
inline void adopt_thread_count() {
  static thread_local int32_t adopted = -1;
  int32_t now = thread_count_changes.load(std::memory_order_relaxed);
  if (adopted != now) {
    at::init_num_threads();
    adopted = now;
  }
}

template <class Body>
int32_t guard(Body&& body) noexcept {
  try {
    adopt_thread_count();
    body();
    return 0;
  } catch (const c10::Error& error) {
    last_error = error.what_without_backtrace();
  } catch (const std::exception& error) {
    last_error = error.what();
  } catch (...) {
    last_error = "unknown C++ exception";
  }
  return 1;
}

}  // namespace eng
