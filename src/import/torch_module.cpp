#include "import/torch_module.h"

#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/strict_json.h"

namespace fluvox::imports {
namespace {

constexpr size_t kMostDepth = 64;
constexpr size_t kMostName = 1024;
constexpr size_t kMostVisits = 100'000;  // of modules and of all their entries
constexpr size_t kMostRepeats = 4;       // tied weights stand twice
constexpr size_t kFreeBytes = size_t{64} << 20;

class Walk {
 public:
  explicit Walk(const TorchFile& file)
      : file_(file), bytes_left_(kMostRepeats * file.size() + kFreeBytes) {}

  void module(const Value& record, const std::string& name, size_t depth) {
    if (!record.is_record()) refuse(name, "expected a module, found " + record.describe());
    if (depth > kMostDepth)
      refuse(name, text("modules nested more than ", kMostDepth, " deep, or one inside itself"));
    found.modules.push_back({name, record});
    counted(record.state(), name);
    for (const char* group : {"_parameters", "_buffers"}) {
      const std::optional<Value> tensors = record.attribute(group);
      if (!tensors) refuse(name, text("the module has no ", group));
      dictionary(*tensors, name);
    }
    const std::optional<Value> children = record.attribute("_modules");
    if (!children) refuse(name, "the module has no _modules");
    const size_t count = counted(*children, name);
    for (size_t i = 0; i < count; ++i)
      if (const Value child = children->value(i); !child.is_none())
        module(child, inside(name, children->key(i)), depth + 1);
  }

  // None stands for a parameter that a layer could have and has not.
  void dictionary(const Value& tensors, const std::string& prefix) {
    const size_t count = counted(tensors, prefix);
    for (size_t i = 0; i < count; ++i)
      if (const Value tensor = tensors.value(i); !tensor.is_none())
        add(inside(prefix, tensors.key(i)), tensor);
  }

  ModuleContents found;

 private:
  [[noreturn]] void refuse(const std::string& name, const std::string& what) const {
    throw Error(Fault::input, "torch-structure",
                text(file_.where(), name.empty() ? "" : ", " + in_quotes(name), ": ", what));
  }

  // The entries of a dictionary, which count against the bound whatever they are.
  size_t counted(const Value& dictionary, const std::string& name) {
    if (!dictionary.is_dict())
      refuse(name, "expected a dictionary, found " + dictionary.describe());
    visits_ += 1 + dictionary.size();
    if (visits_ > kMostVisits)
      refuse(name, text("more than ", kMostVisits, " modules and tensors"));
    return dictionary.size();
  }

  std::string inside(const std::string& prefix, const Value& key) const {
    const std::string_view last = key.string();
    if (prefix.size() + last.size() >= kMostName)
      refuse(prefix, text("a name of more than ", kMostName, " characters follows"));
    return prefix.empty() ? std::string(last) : prefix + "." + std::string(last);
  }

  void add(std::string name, const Value& tensor) {
    if (!tensor.is_tensor()) refuse(name, "expected a tensor, found " + tensor.describe());
    const TensorRef& reference = tensor.tensor();
    const size_t bytes = *count_of(reference.shape) * size_of(reference.storage->type);
    if (bytes > bytes_left_) refuse(name, "the tensors so far are many times larger than the file");
    bytes_left_ -= bytes;
    found.tensors.push_back({std::move(name), tensor});
  }

  const TorchFile& file_;
  size_t bytes_left_;
  size_t visits_ = 0;
};

}  // namespace

ModuleContents contents_of(const TorchFile& file, const Value& model) {
  Walk walk(file);
  if (model.is_dict())
    walk.dictionary(model, "");
  else
    walk.module(model, "", 0);
  return std::move(walk.found);
}

}  // namespace fluvox::imports
