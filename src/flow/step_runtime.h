// The contract of a step's runtime body: in place on a time-major grid.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "flow/step.h"
#include "net/net_runtime.h"
#include "net/window.h"

namespace fluvox::flow {

using net::ConditionShape;
using net::Grid;
using net::RuntimeCondition;

// What passes between two steps: rows that stand for `samples` samples of audio, `channels` wide.
struct StepShape {
  int64_t samples = 1;
  int channels = 1;
};

// The rows of the condition that some step of a stream still needs.
struct ConditionWindow {
  net::Window features, log_scale;

  // A copy of rows [from, to), as a step sees the whole condition.
  RuntimeCondition rows(int64_t from, int64_t to) const {
    return {features.rows(from, to), log_scale.columns() > 0 ? log_scale.rows(from, to) : Grid()};
  }
};

// A step at work, in the sampling direction, on a series that comes in pieces. Whatever the pieces,
// the bits are those of RuntimeStep::inverse on the whole.
class StepStream {
 public:
  virtual ~StepStream() = default;
  // `z`: the rows that follow those pushed before. `last`: nothing follows. Returns the rows of x
  // that are final now. `condition` holds the rows from needed() on that stand beside all z so far.
  virtual Grid push(Grid z, const ConditionWindow& condition, bool last, Threads& threads) = 0;
  virtual int64_t needed() const = 0;
};
using StepStreamPtr = std::unique_ptr<StepStream>;

class RuntimeStep {
 public:
  virtual ~RuntimeStep() = default;
  std::string place = "step";  // in the spec, for messages: "steps.3"
  // What leaves when `in` enters (density direction). Refuses what the step or its net cannot take,
  // so that a model whose parts do not belong together is refused when it is loaded; forward and
  // inverse then rely on it. `where` is the step's place in the spec, for the message.
  virtual StepShape fit(const std::string& where, StepShape in,
                        const ConditionShape& condition) const = 0;
  // x [T][channels] becomes z; the log-determinant is returned (sums in double, in a fixed order).
  // by_row, where given, has a number for each row of x, which gains that row's share of it.
  virtual double forward(Grid& x, const RuntimeCondition& condition, Threads& threads,
                         double* by_row) const = 0;
  double forward(Grid& x, const RuntimeCondition& condition, Threads& threads) const {
    return forward(x, condition, threads, nullptr);
  }
  virtual void inverse(Grid& z, const RuntimeCondition& condition, Threads& threads) const = 0;
  // For sampling piece by piece; null where the step needs the whole series. The step must outlive
  // its streams.
  virtual StepStreamPtr stream() const = 0;
  // Rows of z beyond row t that row t of x waits for.
  virtual int64_t look_ahead() const { return 0; }
  // For one row of z that is `channels` wide, as they are executed.
  virtual double multiply_adds(int channels) const = 0;
};

// The log-determinant of rows with these shares, or all with one share; by_row as for forward.
double total_of(std::span<const double> shares, double* by_row);
double total_of(int rows, double share, double* by_row);

// The stream of a step whose rows do not see each other: `inverse`, piece by piece. The condition
// is copied for it only where it looks at it.
enum class Sees { nothing, condition };
StepStreamPtr stream_row_by_row(const RuntimeStep& step, Sees sees);

// The stream of a step that a net decides about: rows of z wait until the net has seen as far
// beyond them as it looks. Null where the net has no stream.
struct BesideNet {
  int channels;                                    // of z
  std::function<Grid(const Grid& z)> kept;         // what the net sees; absent: the condition
  std::function<Grid(const Grid& features)> seen;  // of the condition; absent: all of it
  std::function<void(Grid& z, const Grid& out, Threads& threads)> invert;
};
StepStreamPtr stream_beside_net(net::NetStreamPtr net, BesideNet how);

// A kind has a runtime body when its header declares make_runtime.
template <class Step>
concept HasRuntime = requires(const Step& step, Weights& weights) {
  make_runtime(step, weights);
};

RuntimeStepPtr make_runtime_step(const Json& json, const std::string& where, Weights& weights);

// For fit: an error that names both sizes unless they are equal.
void expect_size(const std::string& where, const std::string& what, int64_t expected,
                 int64_t found);

}  // namespace fluvox::flow
