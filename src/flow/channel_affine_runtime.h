// The runtime body of every step that is one scale and one shift a channel (scale, actnorm, batch
// norm in evaluation), whatever it was trained as:
//   z[c, t] = exp(log_scale[c]) x[c, t] + shift[c]          log|det| = T sum log_scale
#pragma once

#include <string>
#include <vector>

#include "flow/step_runtime.h"

namespace fluvox::flow {

RuntimeStepPtr make_channel_affine(const std::string& kind, const std::vector<double>& log_scale,
                                   const std::vector<double>& shift);

}  // namespace fluvox::flow
