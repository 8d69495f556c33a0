#include <algorithm>

#include "net/frames.h"
#include "net/net_runtime.h"

namespace fluvox::net {
namespace {

class FramesRuntime : public RuntimeConditioner {
 public:
  explicit FramesRuntime(const Frames& net) : net_(net), times_(groups_of_a_frame(net)) {}

  Margins margins() const override { return {}; }

  ConditionShape shape() const override {
    return {net_.bands, net_.hop, net_.group, net_.bands, 0};
  }

  RuntimeCondition forward(const Grid& mel, Threads&) const override {
    RuntimeCondition condition{Grid(mel.rows * times_, net_.bands), {}};
    for (int t = 0; t < condition.features.rows; ++t) {
      const float* frame = mel.row(t / times_);
      std::copy(frame, frame + net_.bands, condition.features.row(t));
    }
    return condition;
  }

 private:
  Frames net_;
  int times_;
};

}  // namespace

RuntimeConditionerPtr make_runtime(const Frames& net, Weights&) {
  return std::make_unique<FramesRuntime>(net);
}

}  // namespace fluvox::net
