#include "flow/invertible1x1.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class Invertible1x1Torch : public TorchStep {
 public:
  explicit Invertible1x1Torch(const Invertible1x1& step) {
    // A random rotation: Q of a Gaussian's QR, one column turned where the determinant is -1.
    Tensor q = std::get<0>(
        torch::linalg_qr(torch::randn({step.channels, step.channels}, torch::kFloat64)));
    if (torch::linalg_det(q).item<double>() < 0) q.select(1, 0).neg_();
    weight_ = register_parameter("weight", q.to(torch::kFloat32).contiguous());
  }

  Result forward(const Tensor& x, const Condition&) override {
    // slogdet in double: cheap at this size, and log|det| whatever the sign of det W.
    const Tensor log_det = std::get<1>(torch::linalg_slogdet(weight_.to(torch::kFloat64)));
    const Tensor total = (log_det * x.size(2)).to(x.scalar_type()).expand({x.size(0)});
    return {torch::matmul(weight_, x), total};
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    return torch::matmul(torch::linalg_inv(weight_.to(torch::kFloat64)).to(z.scalar_type()), z);
  }

 private:
  Tensor weight_;
};

}  // namespace

TorchStepPtr make_torch(const Invertible1x1& step) {
  return std::make_shared<Invertible1x1Torch>(step);
}

}  // namespace fluvox::flow
