#include "flow/squeeze.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class SqueezeTorch : public TorchStep {
 public:
  explicit SqueezeTorch(const Squeeze& step) : step_(step) {}

  Result forward(const Tensor& x, const Condition&) override {
    if (x.size(2) % step_.group != 0)
      throw Error(Fault::input, "shape-mismatch",
                  text("squeeze: expected a length that is a multiple of ", step_.group, ", found ",
                       x.size(2)));
    const Tensor z = x.reshape({x.size(0), -1, step_.group}).transpose(1, 2);
    return {z, torch::zeros({x.size(0)}, x.options())};
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    return z.transpose(1, 2).reshape({z.size(0), 1, -1});
  }

 private:
  Squeeze step_;
};

}  // namespace

TorchStepPtr make_torch(const Squeeze& step) { return std::make_shared<SqueezeTorch>(step); }

}  // namespace fluvox::flow
