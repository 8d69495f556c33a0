#include "net/weights.h"

#include <cmath>
#include <numeric>
#include <random>
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
  Tensors* made = nullptr;  // where what is asked for is made up
  std::mt19937 random{};
};

namespace {

// Sums over the inputs keep a size of about 1/2; a square matrix is near the identity, so that it
// can be inverted; variances, signs and permutations are such.
std::vector<float> make_up(const std::string& name, const std::vector<int64_t>& shape,
                           std::mt19937& random) {
  size_t count = 1, fan_in = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    count *= static_cast<size_t>(shape[d]);
    if (d > 0) fan_in *= static_cast<size_t>(shape[d]);
  }
  std::normal_distribution<float> normal(
      0, shape.size() > 1 ? 0.5f / std::sqrt(static_cast<float>(fan_in)) : 0.1f);
  std::vector<float> values(count);
  for (float& v : values) v = normal(random);
  if (shape.size() == 2 && shape[0] == shape[1])
    for (int64_t i = 0; i < shape[0]; ++i) values[static_cast<size_t>(i * shape[0] + i)] += 1;
  if (name.ends_with("var") || name.ends_with("variance"))
    for (float& v : values) v = 1 + std::abs(v);
  if (name.ends_with("signs"))
    for (float& v : values) v = v < 0 ? -1.0f : 1.0f;
  if (name.ends_with("permutation")) std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

}  // namespace

Weights::Weights(const Tensors& tensors) : root_(new Root{tensors, {}}) {}

Weights Weights::made_up(Tensors& made, unsigned seed) {
  Weights weights(made);
  weights.root_->made = &made;
  weights.root_->random.seed(seed);
  return weights;
}

Weights Weights::in(const std::string& part) const {
  Weights inner = *this;
  inner.prefix_ += part + ".";
  return inner;
}

Weights Weights::multiplied_in(Precision precision) const {
  Weights same = *this;
  same.precision_ = precision;
  return same;
}

std::string Weights::path(const std::string& name) const { return prefix_ + name; }

std::vector<float> Weights::take(const std::string& name, const std::vector<int64_t>& shape) {
  const std::string full = path(name);
  if (root_->made)
    root_->made->emplace(full, HostTensor::of(make_up(name, shape, root_->random), shape));
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
