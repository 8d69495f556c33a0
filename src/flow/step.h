// A step of a flow: an invertible map with its log-determinant,
//   forward(x, cond) -> (z, log|det dz/dx|)      density direction, audio -> z
//   inverse(z, cond) -> x                        sampling direction
// Each kind has one header (formula, shapes, fields in the spec) and two bodies: <kind>_torch.cpp
// for training and <kind>_runtime.cpp for everything a person does with a finished model. The kinds
// are listed in registry.h; the contracts of the two bodies are step_torch.h and step_runtime.h.
#pragma once

#include <memory>

#include "net/net.h"

namespace fluvox::flow {

class TorchStep;
class RuntimeStep;
using TorchStepPtr = std::shared_ptr<TorchStep>;
using RuntimeStepPtr = std::unique_ptr<RuntimeStep>;

using net::Weights;

// Which directions take all positions at once. A serial one takes a network call for every
// position.
struct Ways {
  bool parallel_forward = true;  // density, audio -> z
  bool parallel_inverse = true;  // sampling, z -> audio
};

// Of a step, given its struct. A kind that is serial in a direction overloads this in its header.
template <class Step>
Ways ways(const Step&) {
  return {};
}

}  // namespace fluvox::flow
