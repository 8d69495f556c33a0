#include "flow/knee.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class KneeTorch : public TorchStep {
 public:
  explicit KneeTorch(const Knee& step) : knee_(step) {}

  Result forward(const Tensor& x, const Condition&) override {
    const Tensor s = (x.abs() - knee_.start).clamp_min(0);
    const Tensor q = s.clamp_max(knee_.width * (1 + knee_.slope) / 2);
    const Tensor r = torch::sqrt(1 - q * (2 * (1 - knee_.slope) / knee_.width));
    const Tensor z = x + torch::sign(x) * (2 * q / (1 + r) + (s - q) / knee_.slope - s);
    return {z, -sum_per_item(torch::log(r))};
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    const Tensor t = (z.abs() - knee_.start).clamp_min(0), m = t.clamp_max(knee_.width);
    const Tensor bent = (1 - knee_.slope) * (m.square() / (2 * knee_.width) + t - m);
    return z - torch::sign(z) * bent;
  }

 private:
  Knee knee_;
};

}  // namespace

TorchStepPtr make_torch(const Knee& step) { return std::make_shared<KneeTorch>(step); }

}  // namespace fluvox::flow
