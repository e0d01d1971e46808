// What every function of the ABI needs: handles in and out, and exceptions turned into a status and a message.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
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

inline at::IntArrayRef shape(const int64_t* sizes, int32_t dim) { return {sizes, static_cast<size_t>(dim)}; }

// OpenMP's thread count belongs to the thread that starts the parallel region; ATen passes its own on only in parallel_for,
// so a BLAS call on a fresh thread would take the default.
inline void adopt_thread_count() {
  static thread_local bool adopted = false;
  if (!adopted) {
    at::init_num_threads();
    adopted = true;
  }
}

template <class Body>
int32_t guard(Body&& body) noexcept {
  try {
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
