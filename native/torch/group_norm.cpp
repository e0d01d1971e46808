// Group normalisation of channels-last images. libtorch 1.13 has a fast forward pass for that memory order, but its backward pass
// takes six times as long as the one for row-major images, which would eat up what convolutions gain by channels-last.
#include <torch/csrc/autograd/custom_function.h>
#include <cmath>
#include <vector>
#include "boundary.h"
#include "vectorised.h"

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kRows = 64;   // Rows that are summed in float before they go into a double.

// sums[c] += sum over rows of x[row, c]
VECTORISED void add_rows(const float* __restrict x, int64_t rows, int64_t channels, float* __restrict sums) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < channels; c++) sums[c] += x[r * channels + c];
  }
}

// sums[c] += sum over rows of (x[row, c] - mean[c])^2
VECTORISED void add_squares(const float* __restrict x, const float* __restrict mean, int64_t rows, int64_t channels,
                            float* __restrict sums) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < channels; c++) {
      float d = x[r * channels + c] - mean[c];
      sums[c] += d * d;
    }
  }
}

// dot[c] += sum over rows of dy * (x - mean[c]); sum[c] += sum over rows of dy
VECTORISED void add_gradient(const float* __restrict x, const float* __restrict dy, const float* __restrict mean, int64_t rows,
                             int64_t channels, float* __restrict dot, float* __restrict sum) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < channels; c++) {
      float d = dy[r * channels + c];
      dot[c] += d * (x[r * channels + c] - mean[c]);
      sum[c] += d;
    }
  }
}

VECTORISED void scale_and_shift(const float* __restrict x, const float* __restrict scale, const float* __restrict shift, int64_t rows,
                                int64_t channels, float* __restrict y) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < channels; c++) y[r * channels + c] = x[r * channels + c] * scale[c] + shift[c];
  }
}

// dx = a[c] dy + b[c] x + c0[c]
VECTORISED void combine(const float* __restrict dy, const float* __restrict x, const float* __restrict a, const float* __restrict b,
                        const float* __restrict c0, int64_t rows, int64_t channels, float* __restrict dx) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < channels; c++) {
      int64_t i = r * channels + c;
      dx[i] = a[c] * dy[i] + (b[c] * x[i] + c0[c]);
    }
  }
}

// Adds up in blocks of kRows: float inside a block, double between blocks.
template <class Block>
void by_blocks(int64_t rows, std::vector<float>& partial, std::vector<double>& total, const Block& block) {
  std::fill(total.begin(), total.end(), 0.0);
  for (int64_t r = 0; r < rows; r += kRows) {
    std::fill(partial.begin(), partial.end(), 0.0f);
    block(r, std::min(kRows, rows - r), partial.data());
    for (size_t c = 0; c < total.size(); c++) total[c] += partial[c];
  }
}

// Moves the mean of each group into every one of its channels.
void spread(std::vector<double>& values, int64_t groups, double divisor) {
  auto width = static_cast<int64_t>(values.size()) / groups;
  for (int64_t g = 0; g < groups; g++) {
    double sum = 0;
    for (int64_t c = 0; c < width; c++) sum += values[static_cast<size_t>(g * width + c)];
    for (int64_t c = 0; c < width; c++) values[static_cast<size_t>(g * width + c)] = sum / divisor;
  }
}

struct GroupNorm : torch::autograd::Function<GroupNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            int64_t groups, double eps) {
    int64_t samples = x.size(0), channels = x.size(1), rows = x.size(2) * x.size(3);
    auto y = at::empty_like(x);
    auto mean = at::empty({samples, channels}, x.options()), rstd = at::empty({samples, channels}, x.options());
    auto w = weight.contiguous(), b = bias.contiguous();
    const float *xp = x.data_ptr<float>(), *wp = w.data_ptr<float>(), *bp = b.data_ptr<float>();
    float *yp = y.data_ptr<float>(), *mp = mean.data_ptr<float>(), *rp = rstd.data_ptr<float>();
    double count = static_cast<double>(rows * channels / groups);
    at::parallel_for(0, samples, 1, [&](int64_t begin, int64_t end) {
      auto size = static_cast<size_t>(channels);
      std::vector<float> partial(size), scale(size), shift(size);
      std::vector<double> total(size);
      for (int64_t n = begin; n < end; n++) {
        const float* sample = xp + n * rows * channels;
        float *m = mp + n * channels, *s = rp + n * channels;
        by_blocks(rows, partial, total, [&](int64_t at, int64_t k, float* sums) { add_rows(sample + at * channels, k, channels, sums); });
        spread(total, groups, count);
        for (size_t c = 0; c < size; c++) m[c] = static_cast<float>(total[c]);
        by_blocks(rows, partial, total, [&](int64_t at, int64_t k, float* sums) { add_squares(sample + at * channels, m, k, channels, sums); });
        spread(total, groups, count);
        for (size_t c = 0; c < size; c++) {
          s[c] = static_cast<float>(1 / std::sqrt(total[c] + eps));
          scale[c] = s[c] * wp[c];
          shift[c] = bp[c] - m[c] * scale[c];
        }
        scale_and_shift(sample, scale.data(), shift.data(), rows, channels, yp + n * rows * channels);
      }
    });
    context->save_for_backward({x, weight, mean, rstd});
    context->saved_data["groups"] = groups;
    return y;
  }

  // With h = (x - mean) * rstd and g = dy * weight, over the elements of a group: dx = rstd * (g - mean(g) - h * mean(g * h)).
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &mean = saved[2], &rstd = saved[3];
    int64_t groups = context->saved_data["groups"].toInt();
    int64_t samples = x.size(0), channels = x.size(1), rows = x.size(2) * x.size(3);
    auto dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    auto dx = at::empty_like(x);
    // One row a sample, added up in order below: the sum does not depend on the threads.
    auto weight_parts = at::empty({samples, channels}, x.options().dtype(at::kDouble)), bias_parts = at::empty_like(weight_parts);
    auto w = weight.contiguous();
    const float *xp = x.data_ptr<float>(), *gp = dy.data_ptr<float>(), *wp = w.data_ptr<float>();
    const float *mp = mean.data_ptr<float>(), *rp = rstd.data_ptr<float>();
    float* dp = dx.data_ptr<float>();
    double *wg = weight_parts.data_ptr<double>(), *bg = bias_parts.data_ptr<double>();
    double count = static_cast<double>(rows * channels / groups);
    at::parallel_for(0, samples, 1, [&](int64_t begin, int64_t end) {
      auto size = static_cast<size_t>(channels);
      std::vector<float> dot(size), sum(size), a(size), b(size), c0(size);
      std::vector<double> mean_g(size), mean_gh(size);
      for (int64_t n = begin; n < end; n++) {
        const float *sample = xp + n * rows * channels, *gradient = gp + n * rows * channels;
        const float *m = mp + n * channels, *s = rp + n * channels;
        double *dots = wg + n * channels, *sums = bg + n * channels;
        std::fill(dots, dots + channels, 0.0);
        std::fill(sums, sums + channels, 0.0);
        for (int64_t r = 0; r < rows; r += kRows) {
          std::fill(dot.begin(), dot.end(), 0.0f);
          std::fill(sum.begin(), sum.end(), 0.0f);
          add_gradient(sample + r * channels, gradient + r * channels, m, std::min(kRows, rows - r), channels, dot.data(), sum.data());
          for (size_t c = 0; c < size; c++) {
            dots[c] += dot[c];
            sums[c] += sum[c];
          }
        }
        for (size_t c = 0; c < size; c++) {
          dots[c] *= s[c];
          mean_g[c] = sums[c] * wp[c];
          mean_gh[c] = dots[c] * wp[c];
        }
        spread(mean_g, groups, count);
        spread(mean_gh, groups, count);
        for (size_t c = 0; c < size; c++) {
          double slope = -static_cast<double>(s[c]) * s[c] * mean_gh[c];
          a[c] = s[c] * wp[c];
          b[c] = static_cast<float>(slope);
          c0[c] = static_cast<float>(-slope * m[c] - s[c] * mean_g[c]);
        }
        combine(gradient, sample, a.data(), b.data(), c0.data(), rows, channels, dp + n * rows * channels);
      }
    });
    return {dx, weight_parts.sum(0).to(at::kFloat), bias_parts.sum(0).to(at::kFloat), at::Tensor(), at::Tensor()};
  }
};

bool is_channels_last(const at::Tensor& x) {
  return x.dim() == 4 && x.scalar_type() == at::kFloat && eng::own_kernels(x) && x.numel() > 0 &&
         x.is_contiguous(at::MemoryFormat::ChannelsLast) && !x.is_contiguous();
}

}  // namespace

int32_t eng_torch_group_norm(eng_torch_tensor input, int64_t groups, eng_torch_tensor weight, eng_torch_tensor bias, double eps,
                             eng_torch_tensor* out) {
  return eng::guard([&] {
    auto x = eng::borrow(input);
    auto w = weight ? eng::borrow(weight) : at::Tensor(), b = bias ? eng::borrow(bias) : at::Tensor();
    bool fits = is_channels_last(x) && groups > 0 && x.size(1) % groups == 0 && w.defined() && b.defined() &&
                w.device().is_cpu() && b.device().is_cpu() &&
                w.scalar_type() == at::kFloat && b.scalar_type() == at::kFloat && w.numel() == x.size(1) && b.numel() == x.size(1);
    *out = eng::give(fits ? GroupNorm::apply(x, w, b, groups, eps) : at::group_norm(x, groups, w, b, eps));
  });
}
