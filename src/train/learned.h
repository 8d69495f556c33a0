// What the optimiser works on: the model's weights or, under weight norm, for each matrix of a net
// a length for every output and a direction (Salimans and Kingma: Weight normalization, 2016).
//
//   w = g v / |v|                        |v| over everything but the outputs, the first dimension
//   dL/dg = dL/dw . v / |v|              dL/dv = g / |v| (dL/dw - dL/dg v / |v|)
//
// The model has w alone, so nothing has to be folded when it is saved. Matrices that a net begins
// with at zero, its last layer, have no direction and stay as they are.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

namespace fluvox::train {

class Learned {
 public:
  // weights: as they were built, before anything was loaded. They are the model's own tensors.
  Learned(const std::vector<std::string>& names, const std::vector<torch::Tensor>& weights,
          bool weight_norm);

  // Side by side: a weight by its name, or NAME/length and NAME/direction; and whether it decays:
  // the matrices of nets and the conditioner do, by their lengths where they have those.
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<torch::Tensor>& tensors() const { return tensors_; }
  const std::vector<bool>& decays() const { return decays_; }

  void take();            // from the weights, which gain the bits that put() would give them
  void put();             // the weights, from what was learned
  void find_gradients();  // from those of the weights

 private:
  struct Normed {
    torch::Tensor weight, length, direction;  // length: [outputs, 1, ...]
  };

  std::vector<std::string> names_;
  std::vector<torch::Tensor> tensors_;
  std::vector<bool> decays_;
  std::vector<Normed> normed_;
};

}  // namespace fluvox::train
