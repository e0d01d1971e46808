// A second device for libtorch without a GPU: its tensors lie in the processor's memory and its operations are the processor's, but as
// on a GPU every tensor of an operation has to be on it. What a training run on a GPU would trip over, it trips over here, and the
// numbers can be compared. It is the backend that libtorch keeps free for others (PrivateUse1); loading this library is what makes it.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/Resize.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/library.h>
#include <set>
#include <string>
#include <vector>
#include "eng_torch.h"

namespace {

constexpr auto kType = c10::DeviceType::PrivateUse1;
constexpr auto kKey = c10::DispatchKey::PrivateUse1;
const c10::DispatchKeySet kKeys(kKey), kProcessor(c10::DispatchKey::CPU);

struct Allocator final : at::Allocator {
  at::DataPtr allocate(size_t bytes) const override {
    void* data = c10::alloc_cpu(bytes);
    return {data, data, &c10::free_cpu, c10::Device(kType, 0)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &c10::free_cpu; }
};

Allocator allocator;

// One device, one stream, everything is done when a call returns.
struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device) const override { return {kType, 0}; }
  c10::Device getDevice() const override { return {kType, 0}; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const noexcept override { return stream(); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return stream(); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}

 private:
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, {kType, 0}); }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

// The processor's view of the memory of a tensor of this device.
at::Tensor on_processor(const at::Tensor& tensor) {
  auto options = tensor.options().device(at::kCPU);
  if (tensor.numel() == 0) return at::empty_strided(tensor.sizes(), tensor.strides(), options);
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), [tensor](void*) {}, options);
}

at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType type) {
  return at::detail::empty_strided_generic(sizes, strides, &allocator, kKeys, type);
}

at::Tensor on_device(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.device().type() == kType) return tensor;
  auto result = empty_strided(tensor.sizes(), tensor.strides(), tensor.scalar_type());
  on_processor(result).copy_(tensor);
  return result;
}

// Operations of two tensors that take a single number of the processor's on a GPU too.
bool takes_numbers(const std::string& op) {
  static const std::set<std::string> names{"add", "sub", "rsub", "mul", "div", "pow", "minimum", "maximum", "gt", "lt", "ge", "le", "eq", "ne"};
  auto begin = op.rfind(':') + 1, end = op.back() == '_' ? op.size() - 1 : op.size();
  return names.count(op.substr(begin, end - begin)) > 0;
}

at::Tensor checked(const at::Tensor& tensor, const std::string& op) {
  if (!tensor.defined()) return tensor;
  if (tensor.device().type() == kType) return on_processor(tensor);
  bool number = tensor.unsafeGetTensorImpl()->is_wrapped_number() || (tensor.dim() == 0 && takes_numbers(op));
  TORCH_CHECK(number, "Expected all tensors to be on the same device, but ", op,
              " got one on the emulated device and one on ", tensor.device(), ", ", tensor.toString(), " ", tensor.sizes());
  return tensor;
}

// What a tensor held is lost: libtorch resizes what it is about to write.
const at::Tensor& resize_memory(const at::Tensor& self, at::IntArrayRef sizes, c10::optional<at::MemoryFormat> format) {
  if (self.sizes() == sizes) return self;
  auto fresh = at::detail::empty_generic(sizes, &allocator, kKeys, self.scalar_type(), format);
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_storage_offset(0);
  impl->set_storage_keep_dtype(fresh.storage());
  impl->set_sizes_and_strides(fresh.sizes(), fresh.strides());
  return self;
}

// Every operation that is not below: on the processor's view of the arguments; what it makes is moved to the device.
void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  std::string name = schema.operator_name().name;
  size_t begin = stack->size() - schema.arguments().size();
  std::vector<c10::IValue> given(stack->begin() + static_cast<int64_t>(begin), stack->end());
  for (size_t i = begin; i < stack->size(); i++) {
    auto& value = (*stack)[i];
    if (value.isTensor() && schema.arguments()[i - begin].is_out()) {
      // Its size is the operation's affair, which may change it on the way.
      value = at::empty({0}, checked(value.toTensor(), name).options());
    } else if (value.isTensor()) {
      value = checked(value.toTensor(), name);
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(checked(tensor, name));
      value = std::move(list);
    } else if (value.isOptionalTensorList()) {
      c10::List<c10::optional<at::Tensor>> list;
      for (c10::optional<at::Tensor> tensor : value.toOptionalTensorList()) list.push_back(tensor ? c10::make_optional(checked(*tensor, name)) : tensor);
      value = std::move(list);
    } else if (value.isDevice()) {
      value = c10::Device(at::kCPU);
    }
  }
  op.redispatchBoxed(kProcessor, stack);
  const auto& returns = schema.returns();
  size_t first = stack->size() - returns.size();
  for (size_t i = 0; i < returns.size(); i++) {
    auto& value = (*stack)[first + i];
    if (value.isTensor()) {
      // What was written is an argument; what an operation wrote in place is in the device's memory already.
      const auto* alias = returns[i].alias_info();
      bool found = false;
      for (size_t a = 0; alias && alias->isWrite() && a < given.size() && !found; a++) {
        const auto* other = schema.arguments()[a].alias_info();
        if (!other || !other->isWrite() || other->beforeSets() != alias->beforeSets()) continue;
        at::Tensor target = given[a].toTensor(), result = value.toTensor();
        if (schema.arguments()[a].is_out()) on_processor(resize_memory(target, result.sizes(), c10::nullopt)).copy_(result);
        value = target;
        found = true;
      }
      if (!found) value = on_device(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(on_device(tensor));
      value = std::move(list);
    }
  }
}

at::Tensor empty(at::IntArrayRef sizes, c10::optional<at::ScalarType> type, c10::optional<at::Layout>, c10::optional<at::Device>,
                 c10::optional<bool>, c10::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(sizes, &allocator, kKeys, type.value_or(at::kFloat), format);
}

at::Tensor empty_strided_op(at::IntArrayRef sizes, at::IntArrayRef strides, c10::optional<at::ScalarType> type, c10::optional<at::Layout>,
                            c10::optional<at::Device>, c10::optional<bool>) {
  return empty_strided(sizes, strides, type.value_or(at::kFloat));
}

// Copies are what may go from one device to another.
at::Tensor copy_from(const at::Tensor& source, const at::Tensor& target, bool) {
  auto view = [](const at::Tensor& tensor) { return tensor.device().type() == kType ? on_processor(tensor) : tensor; };
  view(target).copy_(view(source));
  return target;
}

at::Tensor strided(const at::Tensor& self, at::IntArrayRef sizes, at::IntArrayRef strides, int64_t offset) {
  auto result = at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(self.storage()), self.key_set(), self.dtype());
  result.unsafeGetTensorImpl()->set_storage_offset(offset);
  result.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return result;
}

at::Tensor as_strided(const at::Tensor& self, at::IntArrayRef sizes, at::IntArrayRef strides, c10::optional<int64_t> offset) {
  return strided(self, sizes, strides, offset.value_or(self.storage_offset()));
}

at::Tensor view(const at::Tensor& self, at::IntArrayRef sizes) {
  auto target = sizes.vec();
  int64_t known = 1, unknown = -1;
  for (size_t i = 0; i < target.size(); i++) {
    if (target[i] < 0) unknown = static_cast<int64_t>(i);
    else known *= target[i];
  }
  if (unknown >= 0) target[static_cast<size_t>(unknown)] = self.numel() / known;
  auto strides = at::detail::computeStride(self.sizes(), self.strides(), target);
  TORCH_CHECK(strides.has_value(), "view of ", self.sizes(), " with strides ", self.strides(), " as ", sizes, " needs a copy");
  return strided(self, target, *strides, self.storage_offset());
}

at::Tensor reshape_alias(const at::Tensor& self, at::IntArrayRef sizes, at::IntArrayRef strides) { return strided(self, sizes, strides, self.storage_offset()); }

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, at::IntArrayRef stride,
                       at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, at::IntArrayRef output_padding, int64_t groups) {
  c10::optional<at::Tensor> b;
  if (bias && bias->defined()) b = checked(*bias, "convolution");
  return on_device(at::convolution(checked(input, "convolution"), checked(weight, "convolution"), b, stride, padding, dilation, transposed, output_padding, groups));
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& gradient, const at::Tensor& input, const at::Tensor& weight, at::IntArrayRef stride, at::IntArrayRef padding,
    at::IntArrayRef dilation, bool transposed, at::IntArrayRef output_padding, int64_t groups, std::array<bool, 3> mask) {
  const char* name = "convolution_backward";
  at::OptionalIntArrayRef bias;
  std::vector<int64_t> channels{transposed ? weight.size(1) * groups : weight.size(0)};
  if (mask[2]) bias = channels;
  auto [x, w, b] = at::convolution_backward(checked(gradient, name), checked(input, name), checked(weight, name), bias, stride, padding, dilation,
                                            transposed, output_padding, groups, mask);
  return {on_device(x), on_device(w), on_device(b)};
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided_op);
  m.impl("_copy_from", &copy_from);
  m.impl("as_strided", &::as_strided);
  m.impl("view", &view);
  m.impl("_reshape_alias", &reshape_alias);
  m.impl("resize_", &resize_memory);
  m.impl("convolution_overrideable", &convolution);
  m.impl("convolution_backward_overrideable", &convolution_backward);
}

}  // namespace

extern "C" ENG_TORCH_API int32_t eng_torch_emulated_device(void) { return static_cast<int32_t>(kType); }
