// The contract of a base's LibTorch body.
#pragma once

#include <torch/torch.h>

#include <string>

#include "flow/base.h"

namespace fluvox::flow {

using torch::Tensor;

class TorchBase : public torch::nn::Module {
 public:
  // z [B, channels, positions] -> [B], nats; every constant is included
  virtual Tensor log_density(const Tensor& z) = 0;
  // z of that shape, type and device; a gradient reaches means and scales, not the choice between
  // components
  virtual Tensor draw(at::IntArrayRef shape, const torch::TensorOptions& options) = 0;
};

using TorchBasePtr = std::shared_ptr<TorchBase>;

TorchBasePtr make_torch_base(const Json& json, const std::string& where);

}  // namespace fluvox::flow
