#include "net/net_runtime.h"
#include "net/unconditioned.h"

namespace fluvox::net {
namespace {

class UnconditionedRuntime : public RuntimeConditioner {
 public:
  explicit UnconditionedRuntime(const Unconditioned& net) : net_(net) { check(net); }

  Margins margins() const override { return {}; }

  ConditionShape shape() const override { return {net_.bands, net_.hop, net_.group, 0, 0}; }

  RuntimeCondition forward(const Grid& mel, Threads&) const override {
    return {Grid(mel.rows * (net_.hop / net_.group), 0), {}};
  }

 private:
  Unconditioned net_;
};

}  // namespace

RuntimeConditionerPtr make_runtime(const Unconditioned& net, Weights&) {
  return std::make_unique<UnconditionedRuntime>(net);
}

}  // namespace fluvox::net
