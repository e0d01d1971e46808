#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/version.h>
#include <cstdlib>
#include <vector>
#include "boundary.h"

// c10::optional became std::optional in 2.3.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
#include <optional>
template <class T> using Optional = std::optional<T>;
#else
#include <c10/util/Optional.h>
template <class T> using Optional = c10::optional<T>;
#endif

namespace {

// What the schema wants where a tag alone does not say it.
enum class Kind : uint8_t { Other, Float, FloatList, OptionalTensorList };

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Kind> kinds;
  std::vector<Optional<c10::IValue>> defaults;
  std::string name;
};

Kind kind_of(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::OptionalType: return kind_of(type->castRaw<c10::OptionalType>()->getElementType());
    case c10::TypeKind::FloatType: return Kind::Float;
    case c10::TypeKind::ListType: {
      auto element = type->castRaw<c10::ListType>()->getElementType()->kind();
      if (element == c10::TypeKind::FloatType) return Kind::FloatList;
      if (element == c10::TypeKind::OptionalType) return Kind::OptionalTensorList;
      return Kind::Other;
    }
    default: return Kind::Other;
  }
}

c10::IValue to_ivalue(const eng_torch_value& value, Kind kind) {
  switch (value.tag) {
    case ENG_TORCH_NONE: return {};
    case ENG_TORCH_TENSOR: return c10::IValue(eng::borrow(value.value.pointer));
    case ENG_TORCH_INT:
      return kind == Kind::Float ? c10::IValue(static_cast<double>(value.value.integer)) : c10::IValue(value.value.integer);
    case ENG_TORCH_DOUBLE: return c10::IValue(value.value.real);
    case ENG_TORCH_BOOL: return c10::IValue(value.value.integer != 0);
    case ENG_TORCH_INT_LIST: {
      auto* numbers = static_cast<const int64_t*>(value.value.pointer);
      if (kind == Kind::FloatList) return c10::IValue(std::vector<double>(numbers, numbers + value.length));
      return c10::IValue(at::IntArrayRef(numbers, static_cast<size_t>(value.length)));
    }
    case ENG_TORCH_TENSOR_LIST: {
      auto* handles = static_cast<eng_torch_tensor const*>(value.value.pointer);
      if (kind == Kind::OptionalTensorList) {
        c10::List<Optional<at::Tensor>> list;
        list.reserve(static_cast<size_t>(value.length));
        for (int64_t i = 0; i < value.length; i++) {
          list.push_back(handles[i] ? Optional<at::Tensor>(eng::borrow(handles[i])) : Optional<at::Tensor>());
        }
        return c10::IValue(std::move(list));
      }
      c10::List<at::Tensor> list;
      list.reserve(static_cast<size_t>(value.length));
      for (int64_t i = 0; i < value.length; i++) list.push_back(eng::borrow(handles[i]));
      return c10::IValue(std::move(list));
    }
    case ENG_TORCH_STRING:
      return c10::IValue(std::string(static_cast<const char*>(value.value.pointer), static_cast<size_t>(value.length)));
    case ENG_TORCH_DEVICE: return c10::IValue(eng::device_of(static_cast<int32_t>(value.value.integer)));
    default: TORCH_CHECK(false, "unknown argument tag ", value.tag);
  }
}

void from_ivalue(c10::IValue&& value, eng_torch_value* out) {
  *out = {};
  if (value.isTensor()) {
    out->tag = ENG_TORCH_TENSOR;
    out->value.pointer = eng::give(std::move(value).toTensor());
  } else if (value.isInt()) {
    out->tag = ENG_TORCH_INT;
    out->value.integer = value.toInt();
  } else if (value.isDouble()) {
    out->tag = ENG_TORCH_DOUBLE;
    out->value.real = value.toDouble();
  } else if (value.isBool()) {
    out->tag = ENG_TORCH_BOOL;
    out->value.integer = value.toBool();
  } else if (value.isTensorList()) {
    auto tensors = value.toTensorVector();
    auto** handles = static_cast<eng_torch_tensor*>(std::malloc(sizeof(eng_torch_tensor) * (tensors.size() + 1)));
    TORCH_CHECK(handles, "out of memory for a list of ", tensors.size(), " tensors");
    for (size_t i = 0; i < tensors.size(); i++) handles[i] = eng::give(std::move(tensors[i]));
    out->tag = ENG_TORCH_TENSOR_LIST;
    out->value.pointer = handles;
    out->length = static_cast<int64_t>(tensors.size());
  } else {
    TORCH_CHECK(false, "a result of type ", value.tagKind(), " has no place in the ABI");
  }
}

// One stack a call, kept for the next one; a vector of them, since an operator may call back into another.
thread_local std::vector<torch::jit::Stack> spare_stacks;

class StackLease {
 public:
  StackLease() {
    if (spare_stacks.empty()) {
      stack.reserve(32);
    } else {
      stack = std::move(spare_stacks.back());
      spare_stacks.pop_back();
    }
  }
  ~StackLease() {
    stack.clear();
    spare_stacks.push_back(std::move(stack));
  }
  torch::jit::Stack stack;
};

}  // namespace

thread_local std::string eng::last_error;
std::atomic<int32_t> eng::thread_count_changes{0};
std::atomic<bool> eng::own_kernels_on{true};

int32_t eng_torch_abi_version(void) { return ENG_TORCH_ABI_VERSION; }
const char* eng_torch_version(void) { return TORCH_VERSION; }
const char* eng_torch_last_error(void) { return eng::last_error.c_str(); }

int32_t eng_torch_set_threads(int32_t count) {
  return eng::guard([&] {
    at::set_num_threads(count);
    eng::thread_count_changes++;
  });
}
int32_t eng_torch_threads(void) {
  eng::adopt_thread_count();
  return at::get_num_threads();
}

int32_t eng_torch_cuda(int32_t* built, int32_t* count) {
  return eng::guard([&] {
    // libtorch's CUDA half, where there is one, has put its device calls into this table when it was loaded.
    *built = c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA);
    *count = *built ? c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount() : 0;
  });
}

int32_t eng_torch_synchronize(eng_torch_device_number device) {
  return eng::guard([&] {
    auto target = eng::device_of(device);
    if (!target.is_cpu()) c10::impl::getDeviceGuardImpl(target.type())->getStream(target).synchronize();
  });
}

int32_t eng_torch_set_own_kernels(int32_t on) { return eng::own_kernels_on.exchange(on != 0); }

int32_t eng_torch_operator(const char* name, const char* overload, void** out) {
  return eng::guard([&] {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    auto* op = new Operator{handle, {}, {}, {}};
    for (const auto& argument : handle.schema().arguments()) {
      op->kinds.push_back(kind_of(argument.type()));
      op->defaults.push_back(argument.default_value());
    }
    op->name = toString(handle.schema());
    *out = op;
  });
}

int32_t eng_torch_call(void* op_handle, const eng_torch_value* arguments, int32_t count,
                       eng_torch_value* results, int32_t capacity, int32_t* result_count) {
  return eng::guard([&] {
    StackLease lease;
    auto& stack = lease.stack;
    auto& op = *static_cast<Operator*>(op_handle);
    auto wanted = static_cast<int32_t>(op.kinds.size());
    TORCH_CHECK(count <= wanted, count, " arguments given to ", op.name);
    for (int32_t i = 0; i < wanted; i++) {
      if (i < count && arguments[i].tag != ENG_TORCH_DEFAULT) {
        stack.push_back(to_ivalue(arguments[i], op.kinds[i]));
      } else {
        TORCH_CHECK(op.defaults[i].has_value(), "argument ", i, " of ", op.name, " has no default");
        stack.push_back(*op.defaults[i]);
      }
    }
    op.handle.callBoxed(&stack);
    TORCH_CHECK(static_cast<int32_t>(stack.size()) <= capacity, op.name, " gave ", stack.size(), " results, room for ", capacity);
    *result_count = static_cast<int32_t>(stack.size());
    for (size_t i = 0; i < stack.size(); i++) from_ivalue(std::move(stack[i]), results + i);
  });
}

void eng_torch_free_list(void* list) { std::free(list); }
