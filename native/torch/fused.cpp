// Operations that the world model's training spends its time in: on the processor fused and with gradients of their own, elsewhere by
// libtorch's operations.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/version.h>
#include "boundary.h"
#include "eng_torch_fused.h"
#include "fused_kernels.h"

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_attention(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& mask, bool over_time) {
  TORCH_CHECK(qkv.dim() == 6 && qkv.size(3) == 3, "qkv is ", qkv.sizes(), "; expected [B, T, N, 3, heads, width]");
  int64_t width = qkv.size(5), length = qkv.size(over_time ? 1 : 2);
  TORCH_CHECK(cos.sizes() == at::IntArrayRef({length, width}) && sin.sizes() == cos.sizes(), "rotary tables are ", cos.sizes(), "; expected [", length, ", ", width, "]");
  TORCH_CHECK(mask.numel() == 0 || mask.sizes() == at::IntArrayRef({length, length}), "mask is not [", length, ", ", length, "]");
  TORCH_CHECK(width % 2 == 0, "head width ", width, " is odd");
}

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
    bool masked = mask.numel() > 0;
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
    TORCH_CHECK(qkv.scalar_type() == at::kFloat, "attention is for float32, got ", qkv.toString());
    for (const auto& other : {cos, sin, mask}) {
      TORCH_CHECK(other.device().is_cpu() && other.scalar_type() == at::kFloat && other.is_contiguous(), "tables and mask must be contiguous float32 on the device of qkv, ", qkv.device(), "; got ", other.toString(), " on ", other.device());
    }
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
    TORCH_CHECK(x.scalar_type() == at::kFloat, "gelu is for float32, got ", x.toString());
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

// x [..., L, width]: out[c] = x[c] cos[c] + x[c ^ 1] sin[c].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  auto pairs = x.sizes().vec();
  pairs.back() /= 2;
  pairs.push_back(2);
  return x * cos + x.reshape(pairs).flip(-1).reshape(x.sizes()) * sin;
}

at::Tensor plain_attention(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& mask, bool temporal) {
  // [3, B, groups, heads, L, width]
  auto grouped = temporal ? qkv.permute({3, 0, 2, 4, 1, 5}) : qkv.permute({3, 0, 1, 4, 2, 5});
  auto q = rotate(grouped.select(0, 0), cos, sin), k = rotate(grouped.select(0, 1), cos, sin), v = grouped.select(0, 2);
#if TORCH_VERSION_MAJOR >= 2
  // Fused on a GPU. It wants [batch, heads, L, width].
  auto a = q.flatten(0, 1), b = k.flatten(0, 1), c = v.flatten(0, 1);
  auto mixed = (mask.numel() > 0 ? at::scaled_dot_product_attention(a, b, c, mask) : at::scaled_dot_product_attention(a, b, c)).reshape(v.sizes());
#else
  auto scores = at::matmul(q, k.transpose(-2, -1)) * (1 / std::sqrt(static_cast<double>(qkv.size(5))));
  if (mask.numel() > 0) scores = scores + mask;
  auto mixed = at::matmul(scores.softmax(-1), v);
#endif
  return (temporal ? mixed.permute({0, 3, 1, 2, 4}) : mixed.permute({0, 1, 3, 2, 4})).reshape({qkv.size(0), qkv.size(1), qkv.size(2), -1});
}

}  // namespace

int32_t eng_torch_small_attention(eng_torch_tensor qkv_handle, eng_torch_tensor cos_handle, eng_torch_tensor sin_handle, eng_torch_tensor mask_handle, int32_t temporal, eng_torch_tensor* out) {
  return eng::guard([&] {
    auto qkv = eng::borrow(qkv_handle), cos = eng::borrow(cos_handle), sin = eng::borrow(sin_handle);
    auto mask = mask_handle ? eng::borrow(mask_handle) : at::empty({0});
    check_attention(qkv, cos, sin, mask, temporal != 0);
    *out = eng::give(eng::own_kernels(qkv) ? Attention::apply(qkv, cos, sin, mask, temporal != 0) : plain_attention(qkv, cos, sin, mask, temporal != 0));
  });
}

int32_t eng_torch_fast_gelu(eng_torch_tensor handle, eng_torch_tensor* out) {
  return eng::guard([&] {
    auto x = eng::borrow(handle);
    *out = eng::give(eng::own_kernels(x) ? Gelu::apply(x) : at::gelu(x, "tanh"));
  });
}
