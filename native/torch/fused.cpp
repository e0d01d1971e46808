// Operations that the world model's training spends its time in, fused and with gradients of their own.
#include <torch/csrc/autograd/custom_function.h>
#include "boundary.h"
#include "eng_torch_fused.h"
#include "fused_kernels.h"

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// qkv [B, T, N, 3, heads, width] contiguous. Groups over space: the N tokens of a frame; over time: the T tokens of a place.
struct Groups {
  int64_t count, heads, frames, places;
  bool temporal;
  eng::AttentionShape shape;

  Groups(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& mask, bool over_time) {
    int64_t batch = qkv.size(0);
    frames = qkv.size(1);
    places = qkv.size(2);
    heads = qkv.size(4);
    temporal = over_time;
    int64_t width = qkv.size(5), length = over_time ? frames : places;
    count = batch * (over_time ? places : frames);
    TORCH_CHECK(cos.sizes() == at::IntArrayRef({length, width}) && sin.sizes() == cos.sizes(), "rotary tables are ", cos.sizes(), "; expected [", length, ", ", width, "]");
    bool masked = mask.numel() > 0;
    TORCH_CHECK(!masked || mask.sizes() == at::IntArrayRef({length, length}), "mask is not [", length, ", ", length, "]");
    TORCH_CHECK(width % 2 == 0, "head width ", width, " is odd");
    int64_t token = 3 * heads * width;
    shape = {length, (length + 15) / 16 * 16, width, over_time ? places * token : token, heads * width,
             (over_time ? places : 1) * heads * width, 1.0f / std::sqrt(static_cast<float>(width)),
             cos.data_ptr<float>(), sin.data_ptr<float>(), masked ? mask.data_ptr<float>() : nullptr};
  }

  // Index of the first token of a group, in tokens.
  int64_t first(int64_t group) const {
    return temporal ? group / places * frames * places + group % places : group * places;
  }

  template <class Body>
  void each(Body&& body) const {
    at::parallel_for(0, count * heads, 8, [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(eng::attention_scratch(shape));
      for (int64_t i = begin; i < end; i++) {
        int64_t token = first(i / heads), head = i % heads * shape.width;
        body(token * 3 * heads * shape.width + head, token * heads * shape.width + head, scratch.data());
      }
    });
  }
};

struct Attention : torch::autograd::Function<Attention> {
  static at::Tensor forward(AutogradContext* context, at::Tensor qkv, at::Tensor cos, at::Tensor sin, at::Tensor mask, bool temporal) {
    TORCH_CHECK(qkv.dim() == 6 && qkv.size(3) == 3, "qkv is ", qkv.sizes(), "; expected [B, T, N, 3, heads, width]");
    TORCH_CHECK(qkv.scalar_type() == at::kFloat && qkv.device().is_cpu(), "fused attention is for float32 on the CPU");
    qkv = qkv.contiguous();
    Groups groups(qkv, cos, sin, mask, temporal);
    at::Tensor output = at::empty({qkv.size(0), qkv.size(1), qkv.size(2), qkv.size(4) * qkv.size(5)}, qkv.options());
    const float* in = qkv.data_ptr<float>();
    float* out = output.data_ptr<float>();
    groups.each([&](int64_t at, int64_t to, float* scratch) { eng::attention_forward(groups.shape, in + at, out + to, scratch); });
    context->save_for_backward({qkv, cos, sin, mask});
    context->saved_data["temporal"] = temporal;
    return output;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    Groups groups(saved[0], saved[1], saved[2], saved[3], context->saved_data["temporal"].toBool());
    at::Tensor gradient = gradients[0].contiguous(), result = at::empty_like(saved[0]);
    const float* in = saved[0].data_ptr<float>();
    const float* from = gradient.data_ptr<float>();
    float* out = result.data_ptr<float>();
    groups.each([&](int64_t at, int64_t to, float* scratch) { eng::attention_backward(groups.shape, in + at, from + to, out + at, scratch); });
    return {result, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

struct Gelu : torch::autograd::Function<Gelu> {
  static at::Tensor forward(AutogradContext* context, at::Tensor x) {
    TORCH_CHECK(x.scalar_type() == at::kFloat && x.device().is_cpu(), "fused gelu is for float32 on the CPU");
    x = x.contiguous();
    at::Tensor y = at::empty_like(x);
    const float* in = x.data_ptr<float>();
    float* out = y.data_ptr<float>();
    at::parallel_for(0, x.numel(), 16384, [&](int64_t begin, int64_t end) { eng::gelu_forward(in + begin, out + begin, end - begin); });
    context->save_for_backward({x});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    at::Tensor x = context->get_saved_variables()[0], gradient = gradients[0].contiguous(), result = at::empty_like(x);
    const float* in = x.data_ptr<float>();
    const float* from = gradient.data_ptr<float>();
    float* out = result.data_ptr<float>();
    at::parallel_for(0, x.numel(), 16384, [&](int64_t begin, int64_t end) { eng::gelu_backward(in + begin, from + begin, out + begin, end - begin); });
    return {result};
  }
};

}  // namespace

int32_t eng_torch_small_attention(eng_torch_tensor qkv, eng_torch_tensor cos, eng_torch_tensor sin, eng_torch_tensor mask, int32_t temporal, eng_torch_tensor* out) {
  return eng::guard([&] {
    *out = eng::give(Attention::apply(eng::borrow(qkv), eng::borrow(cos), eng::borrow(sin), mask ? eng::borrow(mask) : at::empty({0}), temporal != 0));
  });
}

int32_t eng_torch_fast_gelu(eng_torch_tensor x, eng_torch_tensor* out) {
  return eng::guard([&] {
    *out = eng::give(Gelu::apply(eng::borrow(x)));
  });
}
