#include "net/weights.h"

#include <cmath>
#include <set>

#include "core/error.h"
#include "core/strict_json.h"

namespace fluvox::net {
namespace {

[[noreturn]] void refuse(const std::string& code, const std::string& tensor,
                         const std::string& what) {
  throw Error(Fault::input, code, text("tensor ", in_quotes(tensor), " of the model: ", what));
}

}  // namespace

struct Weights::Root {
  const Tensors& tensors;
  std::set<std::string> taken;
};

Weights::Weights(const Tensors& tensors) : root_(new Root{tensors, {}}) {}

Weights Weights::in(const std::string& part) const {
  Weights inner = *this;
  inner.prefix_ += part + ".";
  return inner;
}

std::string Weights::path(const std::string& name) const { return prefix_ + name; }

std::vector<float> Weights::take(const std::string& name, const std::vector<int64_t>& shape) {
  const std::string full = path(name);
  const auto found = root_->tensors.find(full);
  if (found == root_->tensors.end())
    refuse("weights-missing", full,
           text("expected one of shape ", describe_shape(shape),
                ", found none; the weights do not belong "
                "to this spec"));
  const HostTensor& tensor = found->second;
  if (tensor.shape != shape)
    refuse("weights-shape", full,
           text("expected the shape ", describe_shape(shape), ", found ",
                describe_shape(tensor.shape)));
  if (!is_floating(tensor.type))
    refuse("weights-type", full,
           text("expected F32, F16, BF16 or F64, found ", name_of(tensor.type)));
  std::vector<float> values = tensor.floats();
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      refuse("weights-not-finite", full,
             text("expected finite numbers, found ", values[i], " at index ", i));
  root_->taken.insert(full);
  return values;
}

void Weights::refuse_leftovers() const {
  constexpr size_t kNamed = 5;
  std::string named;
  size_t left = 0;
  for (const auto& [name, tensor] : root_->tensors)
    if (!root_->taken.count(name) && ++left <= kNamed)
      named += text(left > 1 ? ", " : "", in_quotes(name));
  if (left == 0) return;
  if (left > kNamed) named += text(" and ", left - kNamed, " more");
  throw Error(Fault::input, "weights-unknown",
              text("the model holds tensors that its spec does not name: ", named));
}

}  // namespace fluvox::net
