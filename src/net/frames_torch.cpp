#include "net/frames.h"
#include "net/net_torch.h"

namespace fluvox::net {
namespace {

class FramesTorch : public TorchConditioner {
 public:
  explicit FramesTorch(const Frames& net) : times_(groups_of_a_frame(net)) {}

  Margins margins() const override { return {}; }

  Condition forward(const Tensor& mel) override { return {mel.repeat_interleave(times_, 2), {}}; }

 private:
  int64_t times_;
};

}  // namespace

TorchConditionerPtr make_torch(const Frames& net) { return std::make_shared<FramesTorch>(net); }

}  // namespace fluvox::net
