// How far two gradients of one model lie apart: ||a - b|| / ||b|| over all weights together.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <string>

namespace fluvox::support {

using Gradients = std::map<std::string, torch::Tensor>;

inline double relative_distance(const Gradients& found, const Gradients& wanted) {
  EXPECT_EQ(found.size(), wanted.size());
  double apart = 0, all = 0;
  for (const auto& [name, gradient] : wanted) {
    if (!found.count(name)) {
      ADD_FAILURE() << "no gradient of " << name;
      continue;
    }
    const torch::Tensor b = gradient.to(torch::kFloat64);
    apart += (found.at(name).to(torch::kFloat64) - b).square().sum().item<double>();
    all += b.square().sum().item<double>();
  }
  return std::sqrt(apart / all);
}

}  // namespace fluvox::support
