#include "flow/squeeze.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class SqueezeTorch : public TorchStep {
 public:
  explicit SqueezeTorch(const Squeeze& step) : step_(step) {}

  Result forward(const Tensor& x, const Condition&) override {
    expect_channels(x, step_.channels);
    if (x.size(2) % step_.group != 0)
      throw Error(Fault::input, "shape-mismatch",
                  text(place, ": squeeze: expected a length that is a multiple of ", step_.group,
                       ", found ", x.size(2)));
    const Tensor z =
        x.reshape({x.size(0), step_.channels, -1, step_.group}).transpose(2, 3).flatten(1, 2);
    return {z, torch::zeros({x.size(0)}, x.options())};
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    expect_channels(z, int64_t{step_.channels} * step_.group);
    return z.reshape({z.size(0), step_.channels, step_.group, -1}).transpose(2, 3).flatten(2, 3);
  }

  int64_t rows_joined() const override { return step_.group; }

 private:
  Squeeze step_;
};

}  // namespace

TorchStepPtr make_torch(const Squeeze& step) { return std::make_shared<SqueezeTorch>(step); }

}  // namespace fluvox::flow
