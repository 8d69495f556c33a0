// Host tensors to LibTorch's and back.
#pragma once

#include <torch/torch.h>

#include "core/tensor.h"

namespace fluvox::train {

inline HostTensor to_host(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* data = flat.data_ptr<float>();
  return HostTensor::of({data, data + flat.numel()}, flat.sizes().vec());
}

inline torch::Tensor to_torch(const HostTensor& tensor) {
  std::vector<float> values = tensor.floats();
  return torch::from_blob(values.data(), tensor.shape, torch::kFloat32).clone();
}

}  // namespace fluvox::train
