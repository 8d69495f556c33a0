#include "import/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/strict_json.h"
#include "import/model_kinds.h"

namespace fluvox::imports {
namespace {

constexpr int kMostWrappers = 4;
constexpr int kMostConfigDepth = 4;
constexpr size_t kMostConfigEntries = 1000;
constexpr int kMostInList = 1024;
constexpr size_t kMostNamed = 5;

// The module or state dict within what a trainer saved.
Value model_within(const TorchFile& file) {
  Value value = file.root();
  for (int i = 0; i < kMostWrappers && value.is_dict(); ++i) {
    std::optional<Value> inner;
    for (const char* key : {"model", "state_dict"})
      if (const auto found = value.find(key); found && (found->is_dict() || found->is_record()))
        if (!inner) inner = found;
    if (!inner) break;
    value = *inner;
  }
  return value;
}

// Where no pair is a tensor there is nothing to go on with.
bool holds_a_tensor(const Value& dictionary) {
  for (size_t i = 0; i < dictionary.size(); ++i)
    if (dictionary.value(i).is_tensor()) return true;
  return false;
}

// The plain part of a value: numbers, strings and dictionaries of them; null for the rest.
Json json_of(const Value& value, int depth) {
  switch (value.kind()) {
    case Kind::boolean:
      return value.boolean();
    case Kind::integer:
      return value.integer();
    case Kind::number:
      return value.number();
    case Kind::string:
      return std::string(value.string());
    case Kind::dict:
    case Kind::ordered_dict: {
      Json json = Json::object();
      for (size_t i = 0; depth < kMostConfigDepth && i < std::min(value.size(), kMostConfigEntries);
           ++i)
        if (value.key(i).kind() == Kind::string)
          json[std::string(value.key(i).string())] = json_of(value.value(i), depth + 1);
      return json;
    }
    default:
      return nullptr;
  }
}

// "WN" and "WN.11.start.bias": 11
std::optional<int> number_behind(const std::string& list, const std::string& name) {
  if (!name.starts_with(list + ".")) return {};
  int number = 0;
  const char* const first = name.data() + list.size() + 1;
  const char* const last = name.data() + name.size();
  const auto [end, error] = std::from_chars(first, last, number);
  if (error != std::errc() || number < 0 || end == last || *end != '.') return {};
  return number;
}

}  // namespace

Checkpoint::Checkpoint(TorchFile file) : file_(std::move(file)) {
  const Value model = model_within(file_);
  if (!model.is_record() && !(model.is_dict() && holds_a_tensor(model)))
    refuse("checkpoint-unknown", text("expected a model: a module, a state dict, or a dictionary "
                                      "with one under \"model\" or \"state_dict\"; ",
                                      looks_like(file_.root())));
  ModuleContents contents = contents_of(file_, model);
  std::vector<std::string> names;
  for (const NamedValue& tensor : contents.tensors) names.push_back(tensor.name);
  const std::optional<std::string> prefix = prefix_of_model(names);
  if (!prefix)
    refuse("checkpoint-unknown",
           text("expected a WaveGlow or a SqueezeWave, whose tensors include \"",
                kFirstOfEveryModel, "\"; ", looks_like(names)));
  for (NamedValue& tensor : contents.tensors) {
    if (!tensor.name.starts_with(*prefix))
      refuse("checkpoint-unknown-tensors",
             text("the tensor ", in_quotes(tensor.name), " stands outside of the model, whose ",
                  "names start with ", in_quotes(*prefix)));
    tensors_.emplace(tensor.name.substr(prefix->size()), tensor.value);
  }
  // "module." of the tensors is the module "module".
  const std::string outer = prefix->empty() ? "" : prefix->substr(0, prefix->size() - 1);
  for (const NamedValue& module : contents.modules) {
    if (module.name == outer) class_path_ = module.value.class_path();
    if (module.name.starts_with(*prefix))
      modules_.emplace(module.name.substr(prefix->size()), module.value);
  }
}

Checkpoint Checkpoint::read(const std::filesystem::path& path) {
  return Checkpoint(TorchFile::read(path));
}

Json Checkpoint::progress() const {
  Json json = Json::object();
  if (!file_.root().is_dict()) return json;
  for (const char* name : {"iteration", "epoch"})
    if (const auto found = file_.root().find(name); found && found->kind() == Kind::integer)
      json[name] = found->integer();
  return json;
}

Json Checkpoint::config() const {
  if (!file_.root().is_dict()) return nullptr;
  const auto found = file_.root().find("config");
  return found && found->is_dict() ? json_of(*found, 0) : Json();
}

std::optional<double> Checkpoint::attribute(const std::string& module,
                                            const std::string& name) const {
  const auto found = modules_.find(module);
  if (found == modules_.end()) return {};
  std::optional<Value> value = found->second.attribute(name);
  if (value && value->kind() == Kind::tuple && value->size() > 0) value = value->at(0);
  if (!value || (value->kind() != Kind::integer && value->kind() != Kind::number)) return {};
  return value->number();
}

void Checkpoint::refuse(const std::string& code, const std::string& what) const {
  throw Error(Fault::input, code, where() + ": " + what);
}

// Of the weight, as the file has it: one name, or those of g and v.
std::vector<std::string> Checkpoint::spellings(const std::string& layer) const {
  const std::string weight = layer + ".weight",
                    parametrized = layer + ".parametrizations.weight.original";
  if (tensors_.contains(weight + "_g") || tensors_.contains(weight + "_v"))
    return {weight + "_g", weight + "_v"};
  if (tensors_.contains(parametrized + "0")) return {parametrized + "0", parametrized + "1"};
  return {weight};
}

bool Checkpoint::has(const std::string& layer) const {
  return tensors_.contains(spellings(layer).back());
}

int Checkpoint::count(const std::string& list) const {
  int most = 0;
  for (auto at = tensors_.lower_bound(list + "."); at != tensors_.end(); ++at) {
    if (!at->first.starts_with(list + ".")) break;
    const auto number = number_behind(list, at->first);
    if (!number) continue;
    if (*number >= kMostInList)
      refuse("checkpoint-structure", text("expected at most ", kMostInList, " of ", in_quotes(list),
                                          ", found ", in_quotes(at->first)));
    most = std::max(most, *number + 1);
  }
  return most;
}

std::vector<int64_t> Checkpoint::shape(const std::string& layer, size_t extents) const {
  const std::string name = spellings(layer).back();
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    refuse("checkpoint-missing", text("the tensor ", in_quotes(name), " is missing"));
  std::vector<int64_t> shape = found->second.tensor().shape;
  if (shape.size() != extents)
    refuse("checkpoint-shape", text("the tensor ", in_quotes(name), ": expected ", extents,
                                    " extents, found the shape ", describe_shape(shape)));
  return shape;
}

HostTensor Checkpoint::take(const std::string& name, const std::vector<int64_t>& shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    refuse("checkpoint-missing", text("the tensor ", in_quotes(name), " of shape ",
                                      describe_shape(shape), " is missing"));
  const TensorRef& tensor = found->second.tensor();
  if (tensor.shape != shape)
    refuse("checkpoint-shape",
           text("the tensor ", in_quotes(name), ": expected the shape ", describe_shape(shape),
                ", found ", describe_shape(tensor.shape)));
  if (!is_floating(tensor.storage->type))
    refuse("checkpoint-type", text("the tensor ", in_quotes(name), ": expected floating numbers, ",
                                   "found ", name_of(tensor.storage->type)));
  taken_.insert(name);
  return file_.tensor(found->second);
}

std::vector<float> Checkpoint::tensor(const std::string& name, const std::vector<int64_t>& shape) {
  std::vector<float> values = take(name, shape).floats();
  for (const float value : values)
    if (!std::isfinite(value))
      refuse("checkpoint-not-finite", text("the tensor ", in_quotes(name),
                                           " holds NaN, infinity or more than float32 can: its "
                                           "training had failed by then"));
  return values;
}

std::vector<float> Checkpoint::weight(const std::string& layer, const std::vector<int64_t>& shape) {
  const std::vector<std::string> names = spellings(layer);
  if (names.size() == 1) return tensor(names[0], shape);
  leave(layer + ".weight");
  std::vector<int64_t> each_row(shape.size(), 1);
  each_row[0] = shape[0];
  const std::vector<float> g = tensor(names[0], each_row);
  std::vector<float> weight = tensor(names[1], shape);
  const size_t row = weight.size() / std::max<size_t>(g.size(), 1);
  for (size_t i = 0; i < g.size(); ++i) {
    double squares = 0;
    for (size_t j = i * row; j < (i + 1) * row; ++j) squares += double{weight[j]} * weight[j];
    if (squares == 0)
      refuse("checkpoint-not-finite", text("the tensor ", in_quotes(names[1]), ": row ", i,
                                           " is all zeros and has no direction"));
    const double factor = g[i] / std::sqrt(squares);
    for (size_t j = i * row; j < (i + 1) * row; ++j)
      weight[j] = static_cast<float>(factor * weight[j]);
  }
  return weight;
}

void Checkpoint::refuse_leftovers() const {
  std::string named;
  size_t left = 0;
  for (const auto& [name, value] : tensors_)
    if (!taken_.contains(name) && ++left <= kMostNamed)
      named += (left > 1 ? ", " : "") + in_quotes(name);
  if (left == 0) return;
  if (left > kMostNamed) named += text(" and ", left - kMostNamed, " more");
  refuse("checkpoint-unknown-tensors",
         text("holds tensors that are not understood: ", named,
              "; leaving them out could change what the model computes"));
}

}  // namespace fluvox::imports
