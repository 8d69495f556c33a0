#include "net/net_torch.h"
#include "net/unconditioned.h"

namespace fluvox::net {
namespace {

class UnconditionedTorch : public TorchConditioner {
 public:
  explicit UnconditionedTorch(const Unconditioned& net) : net_(net) { check(net); }

  Margins margins() const override { return {}; }

  Condition forward(const Tensor& mel) override {
    const int64_t rows = mel.size(2) * (net_.hop / net_.group);
    return {torch::zeros({mel.size(0), 0, rows}, mel.options()), {}};
  }

 private:
  Unconditioned net_;
};

}  // namespace

TorchConditionerPtr make_torch(const Unconditioned& net) {
  return std::make_shared<UnconditionedTorch>(net);
}

}  // namespace fluvox::net
