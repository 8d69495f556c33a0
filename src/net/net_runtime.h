// The contract of a net's runtime body, and the arrays it works on.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/config.h"
#include "net/net.h"

namespace fluvox {
class Threads;
}

namespace fluvox::net {

// Time-major activations [rows (time)][columns (channels)].
struct Grid {
  Grid() = default;
  Grid(int rows_, int columns_)
      : rows(rows_), columns(columns_), values(static_cast<size_t>(rows_) * columns_, 0.0f) {}
  float* row(int t) { return values.data() + static_cast<size_t>(t) * columns; }
  const float* row(int t) const { return values.data() + static_cast<size_t>(t) * columns; }

  int rows = 0;
  int columns = 0;
  std::vector<float> values;
};

// What the steps are conditioned on (net_torch.h has the twin). `features` is [T][channels]; over a
// grid it is [frames][bins * maps], the maps of one bin side by side.
struct RuntimeCondition {
  Grid features;
  Grid log_scale;  // [frames][bins]; empty where a model has none
};

// What a net takes and gives. A 2-D net finds its condition among its inputs: condition is 0 there.
struct NetShape {
  int inputs = 0, condition = 0, outputs = 0;
};

// An autoregressive net at work place by place, a place being a sample or a row of a grid: it keeps
// what later places look back at, and gives the bits that forward() would give.
class SerialNet {
 public:
  virtual ~SerialNet() = default;
  // before: the inputs of the place before this one (zeros before the first); features: the
  // condition here -> the outputs here
  virtual void next(const float* before, const float* features, float* out, Threads& threads) = 0;
};

// What a net sees of its input: for a 1-D net `kept` is [T][inputs] and `features` is
// [T][condition]; for a 2-D net `kept` is [rows][columns * inputs] with kept and maps already side
// by side and `features` is null. Whoever builds the step has checked shape() and hands over rows
// that fit it.
class RuntimeNet {
 public:
  virtual ~RuntimeNet() = default;
  // -> [T][outputs], or [rows][columns * outputs]
  virtual Grid forward(const Grid& kept, const Grid* features, Threads& threads) const = 0;
  virtual NetShape shape() const = 0;
  virtual Order order() const { return Order::none; }
  // For a net autoregressive over time, or over rows of `columns` columns. The net must outlive it.
  virtual std::unique_ptr<SerialNet> serial(int /*columns*/) const { return nullptr; }
};

struct ConditionShape {
  int bands = 0;          // of the mel that it is made from
  int frame_samples = 0;  // samples of audio that a frame of mel stands for
  int row_samples = 0;    // samples of audio that a row of the condition stands for
  int channels = 0;       // columns of features; over a grid: maps of one bin
  int bins = 0;           // columns of log_scale; 0 where there is none
};

class RuntimeConditioner {
 public:
  virtual ~RuntimeConditioner() = default;
  virtual RuntimeCondition forward(const Grid& mel_with_margins,
                                   Threads& threads) const = 0;  // [frames][bands]
  virtual Margins margins() const = 0;
  virtual ConditionShape shape() const = 0;
};

// [0, rows) in pieces of `piece` rows (the last may be shorter), each once: fn(first, last). What a
// row holds must not depend on the piece that it falls in.
void in_pieces(Threads& threads, int rows, int piece,
               const std::function<void(int first, int last)>& fn);

// mel [F][bands] with the margins that stand beyond the ends of an utterance.
Grid with_margins(const Grid& mel, const Margins& margins);

// A kind has a runtime body when its header declares make_runtime.
template <class Net>
concept HasRuntime = requires(const Net& net, Weights& weights) {
  make_runtime(net, weights);
};

RuntimeNetPtr make_runtime_net(const Json& json, const std::string& where, Weights& weights);
RuntimeConditionerPtr make_runtime_conditioner(const Json& json, const std::string& where,
                                               Weights& weights);

}  // namespace fluvox::net
