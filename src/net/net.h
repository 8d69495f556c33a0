// A net: any network inside a coupling. It sees the half that is kept and the condition, and gives
// the shift b and the raw log-scale of the other half. Nets need no inverse. As with steps there is
// one header a kind (formula, shapes, fields in the spec) and two bodies, <kind>_torch.cpp and
// <kind>_runtime.cpp.
//
// A conditioner is the net that turns the mel spectrogram into what all steps are conditioned on.
// It sees the mel with a margin of frames at both ends: real neighbours when training on a crop,
// made ones at the ends of an utterance. So the condition in training equals the condition in
// synthesis, exactly, at every edge.
#pragma once

#include <memory>

namespace fluvox::net {

class TorchNet;
class RuntimeNet;
using TorchNetPtr = std::shared_ptr<TorchNet>;
using RuntimeNetPtr = std::unique_ptr<RuntimeNet>;

class TorchConditioner;
class RuntimeConditioner;
using TorchConditionerPtr = std::shared_ptr<TorchConditioner>;
using RuntimeConditionerPtr = std::unique_ptr<RuntimeConditioner>;

// An autoregressive net never lets an output see its own place or a later one. Over time: the
// output at t sees the inputs before t. Over channels: at every t, an output for channel c sees the
// channels before c. Over rows (of a grid): an output of row r sees the rows up to r, and the step
// that uses it gives it the row before.
enum class Order { none, time, channels, rows };

class Weights;  // weights.h: the named tensors that a runtime body takes its own from

// Frames that a conditioner needs beyond both ends, and what stands there at the ends of an
// utterance.
struct Margins {
  int left = 0;
  int right = 0;
  enum class Beyond { zeros, nearest_frame } beyond = Beyond::zeros;
};

}  // namespace fluvox::net
