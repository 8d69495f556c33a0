// The named tensors of a model, handed down to the runtime bodies, each of which takes its own by
// name and expected shape. What nobody took is an error too: a file with more in it than the spec
// names is not this model.
//
//   Weights weights(model.tensors);                       // which must outlive it
//   Weights net = weights.in("steps.3").in("net");
//   std::vector<float> bias = net.take("start.bias", {256});   // "steps.3.net.start.bias"
//   weights.refuse_leftovers();
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace fluvox::net {

// What the products of a net are made in; sums and all that lies between products are float32.
enum class Precision { fp32, bf16 };

class Weights {
 public:
  explicit Weights(const Tensors& tensors);
  // Made up as they are asked for, random but tame, and gathered in `made`: for measuring a model
  // that nobody has trained.
  static Weights made_up(Tensors& made, unsigned seed);

  Weights in(const std::string& part) const;  // "steps.3" of this, then "net" of that ...
  Weights multiplied_in(Precision precision) const;
  Precision precision() const { return precision_; }
  // Refuses a tensor that is absent, has another shape, is not floating or holds NaN or infinity.
  std::vector<float> take(const std::string& name, const std::vector<int64_t>& shape);
  std::string path(const std::string& name) const;
  void refuse_leftovers() const;  // call on the root when every part has been built

 private:
  struct Root;
  std::shared_ptr<Root> root_;
  std::string prefix_;
  Precision precision_ = Precision::fp32;
};

}  // namespace fluvox::net
