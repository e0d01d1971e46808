#include <ATen/core/grad_mode.h>
#include <cmath>
#include <vector>
#include "boundary.h"
#include "vectorised.h"

namespace {

constexpr int64_t kChunk = 1 << 15;   // Also the unit of the norm's partial sums: fixed, so that threads do not change the result.

struct AdamWFactors {
  float keep, beta1, rest1, beta2, rest2, step, root, epsilon;
};

VECTORISED void adamw_chunk(float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v, int64_t n,
                            const AdamWFactors f) {
  for (int64_t i = 0; i < n; i++) {
    float average = f.beta1 * m[i] + f.rest1 * g[i];
    float square = f.beta2 * v[i] + f.rest2 * (g[i] * g[i]);
    m[i] = average;
    v[i] = square;
    p[i] = p[i] * f.keep - f.step * (average / (std::sqrt(square) / f.root + f.epsilon));
  }
}

VECTORISED void ema_chunk(float* __restrict a, const float* __restrict p, int64_t n, float decay, float rest) {
  for (int64_t i = 0; i < n; i++) a[i] = decay * a[i] + rest * p[i];
}

VECTORISED void scale_chunk(float* __restrict x, int64_t n, float factor) {
  for (int64_t i = 0; i < n; i++) x[i] *= factor;
}

// Eight running sums written out: the order of the additions is fixed without -ffast-math, and they still fill a vector.
VECTORISED double square_sum_chunk(const float* __restrict x, int64_t n) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t j = 0; j < 8; j++) sums[j] += static_cast<double>(x[i + j]) * x[i + j];
  }
  for (; i < n; i++) sums[i & 7] += static_cast<double>(x[i]) * x[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

template <class Body>
void by_chunks(int64_t n, const Body& body) {
  at::parallel_for(0, (n + kChunk - 1) / kChunk, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; c++) body(c, c * kChunk, std::min(kChunk, n - c * kChunk));
  });
}

void check_float(const at::Tensor& tensor, const char* what) {
  TORCH_CHECK(tensor.scalar_type() == at::kFloat && tensor.is_non_overlapping_and_dense(),
              what, " must be float32 and dense; it is ", tensor.toString(), " ", tensor.sizes(), " with strides ", tensor.strides());
}

// The numbers of `tensor` in the memory order of `like`, on its device; a copy only where the two differ.
at::Tensor in_order_of(const at::Tensor& tensor, const at::Tensor& like) {
  TORCH_CHECK(tensor.sizes() == like.sizes(), "expected the shape ", like.sizes(), ", got ", tensor.sizes());
  if (tensor.strides() == like.strides() && tensor.scalar_type() == at::kFloat && tensor.device() == like.device()) return tensor;
  return at::empty_strided(like.sizes(), like.strides(), like.options()).copy_(tensor);
}

// The tensors whose turn it is, in lists for libtorch's operations: few launches on a GPU, however many parameters there are.
struct Lists {
  std::vector<at::Tensor> parameters, gradients, exp_avg, exp_avg_sq;
  std::vector<at::Scalar> steps, roots;
};

// As adamw_chunk.
void adamw_lists(Lists& lists, const eng_torch_adamw_options& options) {
  at::_foreach_mul_(lists.exp_avg, options.beta1);
  at::_foreach_add_(lists.exp_avg, lists.gradients, 1 - options.beta1);
  at::_foreach_mul_(lists.exp_avg_sq, options.beta2);
  at::_foreach_addcmul_(lists.exp_avg_sq, lists.gradients, lists.gradients, 1 - options.beta2);
  auto denominators = at::_foreach_sqrt(lists.exp_avg_sq);
  at::_foreach_div_(denominators, lists.roots);
  at::_foreach_add_(denominators, options.epsilon);
  at::_foreach_mul_(lists.parameters, 1 - options.learning_rate * options.weight_decay);
  at::_foreach_addcdiv_(lists.parameters, lists.exp_avg, denominators, lists.steps);
}

// Those of the parameters' gradients that exist.
std::vector<at::Tensor> gradients_of(const eng_torch_tensor* parameters, int32_t count) {
  std::vector<at::Tensor> gradients;
  for (int32_t i = 0; i < count; i++) {
    at::Tensor g = eng::borrow(parameters[i]).grad();
    if (g.defined()) gradients.push_back(std::move(g));
  }
  return gradients;
}

}  // namespace

int32_t eng_torch_adamw(const eng_torch_adamw_options* options, const eng_torch_tensor* parameters, const eng_torch_tensor* exp_avg,
                        const eng_torch_tensor* exp_avg_sq, int64_t* steps, int32_t count) {
  return eng::guard([&] {
    at::NoGradGuard no_grad;
    Lists lists;
    for (int32_t i = 0; i < count; i++) {
      auto p = eng::borrow(parameters[i]);
      at::Tensor gradient = p.grad();
      if (!gradient.defined()) continue;
      check_float(p, "a parameter");
      auto m = eng::borrow(exp_avg[i]), v = eng::borrow(exp_avg_sq[i]);
      auto step = static_cast<double>(++steps[i]);
      double rate = options->learning_rate / (1 - std::pow(options->beta1, step)), root = std::sqrt(1 - std::pow(options->beta2, step));
      if (!eng::own_kernels(p)) {
        lists.parameters.push_back(p);
        lists.gradients.push_back(gradient);
        lists.exp_avg.push_back(m);
        lists.exp_avg_sq.push_back(v);
        lists.steps.emplace_back(-rate);
        lists.roots.emplace_back(root);
        continue;
      }

      auto g = in_order_of(gradient, p);
      TORCH_CHECK(m.strides() == p.strides() && v.strides() == p.strides() && m.device() == p.device() && v.device() == p.device(),
                  "the moments must lie in memory as the parameter does");
      AdamWFactors factors{
          static_cast<float>(1 - options->learning_rate * options->weight_decay),
          static_cast<float>(options->beta1), static_cast<float>(1 - options->beta1),
          static_cast<float>(options->beta2), static_cast<float>(1 - options->beta2),
          static_cast<float>(rate), static_cast<float>(root), static_cast<float>(options->epsilon)};
      auto *pp = p.data_ptr<float>(), *gp = g.data_ptr<float>(), *mp = m.data_ptr<float>(), *vp = v.data_ptr<float>();
      by_chunks(p.numel(), [&](int64_t, int64_t at, int64_t n) { adamw_chunk(pp + at, gp + at, mp + at, vp + at, n, factors); });
      p.unsafeGetTensorImpl()->bump_version();
    }
    if (!lists.parameters.empty()) adamw_lists(lists, *options);
  });
}

int32_t eng_torch_ema(double decay, const eng_torch_tensor* average, const eng_torch_tensor* source, int32_t count) {
  return eng::guard([&] {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> averages, sources;
    for (int32_t i = 0; i < count; i++) {
      auto a = eng::borrow(average[i]), s = eng::borrow(source[i]);
      check_float(a, "an average");
      if (!eng::own_kernels(a)) {
        averages.push_back(a);
        sources.push_back(s);
        continue;
      }

      auto p = in_order_of(s, a);
      auto *ap = a.data_ptr<float>(), *pp = p.data_ptr<float>();
      auto keep = static_cast<float>(decay), rest = static_cast<float>(1 - decay);
      by_chunks(a.numel(), [&](int64_t, int64_t at, int64_t n) { ema_chunk(ap + at, pp + at, n, keep, rest); });
      a.unsafeGetTensorImpl()->bump_version();
    }
    if (averages.empty()) return;
    at::_foreach_mul_(averages, decay);
    at::_foreach_add_(averages, sources, 1 - decay);
  });
}

int32_t eng_torch_grad_norm(const eng_torch_tensor* parameters, int32_t count, double* out) {
  return eng::guard([&] {
    at::NoGradGuard no_grad;
    auto gradients = gradients_of(parameters, count);
    if (!gradients.empty() && !eng::own_kernels(gradients[0])) {
      // One number leaves the device.
      *out = at::stack(at::_foreach_norm(gradients)).to(at::kDouble).norm().item<double>();
      return;
    }

    double total = 0;
    std::vector<double> partial;
    for (auto& gradient : gradients) {
      // The order of the sum must not depend on how a gradient happens to lie in memory.
      auto g = gradient.to(at::kFloat).contiguous();
      auto* gp = g.data_ptr<float>();
      partial.assign(static_cast<size_t>((g.numel() + kChunk - 1) / kChunk), 0.0);
      by_chunks(g.numel(), [&](int64_t c, int64_t at, int64_t n) { partial[static_cast<size_t>(c)] = square_sum_chunk(gp + at, n); });
      for (double value : partial) total += value;
    }
    *out = std::sqrt(total);
  });
}

int32_t eng_torch_scale_grads(const eng_torch_tensor* parameters, int32_t count, double factor) {
  return eng::guard([&] {
    at::NoGradGuard no_grad;
    auto gradients = gradients_of(parameters, count);
    if (!gradients.empty() && !eng::own_kernels(gradients[0])) {
      at::_foreach_mul_(gradients, factor);
      return;
    }

    for (auto& g : gradients) {
      if (g.scalar_type() != at::kFloat || !g.is_non_overlapping_and_dense()) {
        g.mul_(factor);
        continue;
      }
      auto* gp = g.data_ptr<float>();
      by_chunks(g.numel(), [&](int64_t, int64_t at, int64_t n) { scale_chunk(gp + at, n, static_cast<float>(factor)); });
    }
  });
}

int32_t eng_torch_clear_grads(const eng_torch_tensor* parameters, int32_t count) {
  return eng::guard([&] {
    for (int32_t i = 0; i < count; i++) {
      auto p = eng::borrow(parameters[i]);
      if (p.grad().defined()) p.mutable_grad() = at::Tensor();
    }
  });
}
