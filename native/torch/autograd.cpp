#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include "boundary.h"

int32_t eng_torch_requires_grad(eng_torch_tensor tensor) { return static_cast<eng::Impl*>(tensor)->requires_grad(); }

int32_t eng_torch_set_requires_grad(eng_torch_tensor tensor, int32_t on) {
  return eng::guard([&] { eng::borrow(tensor).set_requires_grad(on != 0); });
}

int32_t eng_torch_grad(eng_torch_tensor tensor, eng_torch_tensor* out) {
  return eng::guard([&] {
    at::Tensor grad = eng::borrow(tensor).grad();
    *out = eng::give(std::move(grad));
  });
}

int32_t eng_torch_clear_grad(eng_torch_tensor tensor) {
  return eng::guard([&] { eng::borrow(tensor).mutable_grad() = at::Tensor(); });
}

int32_t eng_torch_backward(eng_torch_tensor tensor, eng_torch_tensor gradient) {
  return eng::guard([&] {
    std::vector<at::Tensor> gradients;
    if (gradient) gradients.push_back(eng::borrow(gradient));
    torch::autograd::backward({eng::borrow(tensor)}, gradients);
  });
}

int32_t eng_torch_set_grad_mode(int32_t on) {
  bool was = at::GradMode::is_enabled();
  at::GradMode::set_enabled(on != 0);
  return was;
}
