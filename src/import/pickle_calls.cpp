#include "import/pickle_calls.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/strict_json.h"

namespace fluvox::imports {
namespace {

constexpr size_t kMostAxes = 64;
constexpr size_t kMostKey = 256;  // one key may be compared for many storages

struct StorageClass {
  std::string_view name;
  DType type;
};
constexpr StorageClass kStorages[] = {
    {"FloatStorage", DType::f32},     {"DoubleStorage", DType::f64}, {"HalfStorage", DType::f16},
    {"BFloat16Storage", DType::bf16}, {"LongStorage", DType::i64},   {"IntStorage", DType::i32},
    {"ShortStorage", DType::i16},     {"CharStorage", DType::i8},    {"ByteStorage", DType::u8},
    {"BoolStorage", DType::boolean}};

bool fits(int64_t first, int64_t size, int64_t count) {
  return first >= 0 && size >= 0 && first <= count && size <= count - first;
}

class Call {
 public:
  Call(TreeBuilder& builder, std::string name, NodeId arguments)
      : builder_(builder), name_(std::move(name)), arguments_(arguments) {}

  size_t count() const { return parts().size(); }
  NodeId id(size_t i) const { return parts()[i]; }
  Kind kind(size_t i) const { return builder_.node(id(i)).kind; }
  Value value(size_t i) const { return builder_.value(id(i)); }

  void expect(bool right, const std::string& what) const {
    if (!right) builder_.malformed(name_ + ": expected " + what);
  }
  void expect_kind(size_t i, Kind wanted, const char* meaning) const {
    if (kind(i) != wanted)
      builder_.malformed(text(name_, ": expected ", name_of(wanted), " as the ", meaning,
                              ", found ", value(i).describe()));
  }
  int64_t integer(size_t i, const char* meaning) const {
    expect_kind(i, Kind::integer, meaning);
    return builder_.node(id(i)).integer;
  }
  std::vector<int64_t> integers(size_t i, const char* meaning) const {
    expect_kind(i, Kind::tuple, meaning);
    const std::vector<NodeId>& listed = builder_.node(id(i)).parts;
    // Before anything is copied: one tuple may be the argument of many calls.
    expect(listed.size() <= kMostAxes, text("at most ", kMostAxes, " axes, found ", listed.size()));
    std::vector<int64_t> values;
    for (const NodeId part : listed) {
      const Node& node = builder_.node(part);
      expect(node.kind == Kind::integer && node.integer >= 0,
             text("a ", meaning, " of integers that are not negative"));
      values.push_back(node.integer);
    }
    return values;
  }

 private:
  const std::vector<NodeId>& parts() const { return builder_.node(arguments_).parts; }

  TreeBuilder& builder_;
  std::string name_;
  NodeId arguments_;
};

// The greatest index of any element, or nothing where it does not fit in 64 bits.
std::optional<int64_t> last_element(const TensorRef& tensor) {
  int64_t last = tensor.offset;
  for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(tensor.shape[axis] - 1, tensor.stride[axis], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return std::nullopt;
  }
  return last;
}

NodeId rebuild_tensor(TreeBuilder& builder, const Call& call) {
  call.expect_kind(0, Kind::storage, "storage");
  Tree& tree = builder.tree();
  const StorageRef& storage = call.value(0).storage();
  TensorRef tensor{&storage, call.integer(1, "offset"), call.integers(2, "shape"),
                   call.integers(3, "stride")};
  const auto out_of_range = [&](const std::string& what) {
    builder.fail("torch-range",
                 text("a tensor of shape ", describe_shape(tensor.shape), " and stride ",
                      describe_shape(tensor.stride), " at offset ", tensor.offset, " of storage ",
                      in_quotes(storage.key), " ", what));
  };
  call.expect(tensor.shape.size() == tensor.stride.size(), "as many strides as axes");
  const std::optional<size_t> count = count_of(tensor.shape);
  size_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, size_of(storage.type), &bytes))
    out_of_range("has more elements than can be counted");
  if (!fits(tensor.offset, 0, storage.size)) out_of_range("starts outside of it");
  if (*count > 0) {
    const std::optional<int64_t> last = last_element(tensor);
    if (!last || *last >= storage.size)
      out_of_range(text("reaches beyond its ", storage.size, " elements"));
  }
  tensor.offset += storage.first;
  builder.charge(2 * tensor.shape.size());
  tree.tensors.push_back(std::move(tensor));
  return builder.add({Kind::tensor, static_cast<int64_t>(tree.tensors.size() - 1)});
}

NodeId ordered_dict(TreeBuilder& builder, const Call& call) {
  call.expect(call.count() <= 1, "at most one argument");
  const NodeId made = builder.add({Kind::ordered_dict, 0, 0, {}, {TreeBuilder::kNone}});
  if (call.count() == 0) return made;
  call.expect_kind(0, Kind::list, "argument");
  for (const NodeId pair : builder.node(call.id(0)).parts) {
    const Node& node = builder.node(pair);
    call.expect((node.kind == Kind::list || node.kind == Kind::tuple) && node.parts.size() == 2,
                "pairs of key and value");
    builder.put(made, node.parts[0], node.parts[1]);
  }
  return made;
}

[[noreturn]] void refuse_call(const TreeBuilder& builder, const std::string& callee) {
  builder.fail("pickle-refused",
               text("the file asks to call ", callee,
                    ", which is not one of the few known calls of a model file. Nothing was run. "
                    "If you trust its origin, load it in Python and save the tensors alone: "
                    "torch.save(model.state_dict(), ...)"));
}

DType storage_type(const TreeBuilder& builder, const Value& global) {
  const std::string_view module = global.module_name();
  if (module == "torch" || module == "torch.cuda")
    for (const StorageClass& known : kStorages)
      if (known.name == global.name()) return known.type;
  builder.fail("torch-dtype", text("storages of ", in_quotes(global.class_path()),
                                   " are not supported; convert the tensors to float32"));
}

}  // namespace

NodeId call(TreeBuilder& builder, NodeId function, NodeId arguments) {
  const Value callee = builder.value(function);
  if (callee.kind() != Kind::global) refuse_call(builder, callee.describe());
  if (builder.node(arguments).kind != Kind::tuple)
    builder.malformed(
        text("the arguments of a call are ", builder.value(arguments).describe(), ", not a tuple"));
  const std::string path = callee.class_path();
  const Call call(builder, path, arguments);
  // Both names as a whole: ("torch", "_utils._rebuild_tensor") is another one.
  const auto is = [&](std::string_view module, std::string_view name) {
    return callee.module_name() == module && callee.name() == name;
  };
  if (is("torch._utils", "_rebuild_tensor")) {
    call.expect(call.count() == 4, "4 arguments");
    return rebuild_tensor(builder, call);
  }
  if (is("torch._utils", "_rebuild_tensor_v2")) {
    call.expect(call.count() == 6 || call.count() == 7, "6 or 7 arguments");
    return rebuild_tensor(builder, call);
  }
  if (is("torch._utils", "_rebuild_parameter")) {
    call.expect(call.count() == 3, "3 arguments");
    call.expect_kind(0, Kind::tensor, "data");
    return call.id(0);
  }
  if (is("torch.nn.parameter", "Parameter")) {
    call.expect(call.count() == 2, "2 arguments");
    call.expect_kind(0, Kind::tensor, "data");
    call.expect_kind(1, Kind::boolean, "second argument");
    return call.id(0);
  }
  if (is("collections", "OrderedDict")) return ordered_dict(builder, call);
  if (is("torch.nn.backends.thnn", "_get_thnn_function_backend")) {
    call.expect(call.count() == 0, "no argument");
    return builder.record(function, arguments);
  }
  if (is("__builtin__", "set") || is("builtins", "set")) {
    call.expect(call.count() == 1, "1 argument");
    call.expect_kind(0, Kind::list, "argument");
    return builder.record(function, arguments);
  }
  refuse_call(builder, in_quotes(path));
}

NodeId persistent(TreeBuilder& builder, NodeId id) {
  const Call call(builder, "a persistent id", id);
  call.expect(builder.node(id).kind == Kind::tuple && call.count() > 0, "a tuple");
  call.expect_kind(0, Kind::string, "kind");
  const std::string_view kind = call.value(0).string();
  if (kind == "module") {
    call.expect(call.count() == 4, "4 entries");
    call.expect_kind(1, Kind::global, "class");
    return call.id(1);
  }
  if (kind != "storage")
    builder.malformed(
        text("expected a persistent id of 'storage' or 'module', found ", in_quotes(kind)));
  call.expect(call.count() == 5 || call.count() == 6, "5 or 6 entries");
  call.expect_kind(1, Kind::global, "class of a storage");
  call.expect_kind(2, Kind::string, "key of a storage");
  call.expect_kind(3, Kind::string, "location of a storage");
  StorageRef storage;
  storage.key = call.value(2).string();
  call.expect(storage.key.size() <= kMostKey, text("a key of at most ", kMostKey, " characters"));
  storage.type = storage_type(builder, call.value(1));
  storage.count = storage.size = call.integer(4, "count of a storage");
  call.expect(storage.count >= 0, "a count that is not negative");
  if (call.count() == 6 && call.kind(5) != Kind::none) {
    call.expect_kind(5, Kind::tuple, "view of a storage");
    const Call view(builder, "a view of a storage", call.id(5));
    view.expect(view.count() == 3, "key, offset and size");
    storage.first = view.integer(1, "offset");
    storage.size = view.integer(2, "size");
    view.expect(fits(storage.first, storage.size, storage.count),
                text("a part of its ", storage.count, " elements, found ", storage.size, " from ",
                     storage.first));
  }
  Tree& tree = builder.tree();
  tree.storages.push_back(storage);
  return builder.add({Kind::storage, static_cast<int64_t>(tree.storages.size() - 1)});
}

}  // namespace fluvox::imports
