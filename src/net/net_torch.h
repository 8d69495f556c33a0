// The contract of a net's LibTorch body.
#pragma once

#include <torch/torch.h>

#include "core/config.h"
#include "net/net.h"

namespace fluvox::net {

using torch::Tensor;

// What the steps are conditioned on, made from the mel by the conditioner.
struct Condition {
  Tensor features;  // what the nets see: [B, channels, T] or, over a grid, [B, maps, frames, bins]
  Tensor
      log_scale;  // what whitening divides by, [B, frames, bins]; undefined where a model has none
};

class TorchNet : public torch::nn::Module {
 public:
  // kept [B, inputs, ...], features as the conditioner made them -> [B, outputs, ...] in the type
  // of kept
  Tensor forward(const Tensor& kept, const Tensor& features);

  // The type to multiply in (autocast). Only nets ever leave fp32: never log-dets, W or the affine.
  at::ScalarType precision = at::kFloat;

  // The last layer, which decides b and the log-scale: tests give it random weights, since it
  // starts at zero.
  virtual torch::nn::Module& last_layer() = 0;

  // An autoregressive net says in what order, and how many places back an output can see.
  virtual Order order() const { return Order::none; }
  virtual int64_t reach() const { return 0; }

 protected:
  virtual Tensor run(const Tensor& kept, const Tensor& features) = 0;
};

class TorchConditioner : public torch::nn::Module {
 public:
  // mel [B, bands, left + F + right], with the margins that margins() asks for
  virtual Condition forward(const Tensor& mel) = 0;
  virtual Margins margins() const = 0;
};

// mel [B, bands, F] with the margins that stand beyond the ends of an utterance.
Tensor with_margins(const Tensor& mel, const Margins& margins);

TorchNetPtr make_torch_net(const Json& json, const std::string& where);
TorchConditionerPtr make_torch_conditioner(const Json& json, const std::string& where);

}  // namespace fluvox::net
