#include "flow/grid_coupling.h"
#include "flow/step_torch.h"
#include "ops/ops.h"

namespace fluvox::flow {
namespace {

class GridCouplingTorch : public TorchStep {
 public:
  explicit GridCouplingTorch(const GridCoupling& step)
      : step_(step),
        axis_(step.axis == "frames" ? -2 : -1),
        changing_{step.axis == "frames" ? 2 : 1, 1 - step.keep, 2},
        affine_{true, "exp", step.limit} {
    net_ = register_module("net", net::make_torch_net(step.net, "grid_coupling.net"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    return applied(x, shift_and_scale(x, condition));
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return ops::coupling_inverse(z, shift_and_scale(z, condition), changing_, affine_);
  }

  Recomputed recompute(const Tensor& z, const Condition& condition) override {
    const auto half = [this](const Tensor& t, int64_t first) {
      return t.slice(changing_.dim, first, std::nullopt, 2);
    };
    const auto [x, made] = recomputed_leaf(
        z, [&](const Tensor& t) { return half(t, step_.keep); },
        [&](const Tensor& t) { return half(t, 1 - step_.keep); },
        [&](const Tensor& t) { return shift_and_scale(t, condition); },
        [&](const Tensor& t, const Tensor& net) {
          return ops::coupling_inverse(t, net, {}, affine_);
        });
    return {x, applied(x, made)};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  Result applied(const Tensor& x, const Tensor& made) const {
    const auto [z, log_det] = ops::coupling(x, made, changing_, affine_);
    return {z, log_det};
  }

  Tensor every_other(const Tensor& grid, int first) const {
    return grid.slice(axis_, first, {}, 2);
  }

  // What is kept, as the places that change see it: where odd frames are kept, shifted by one pair.
  Tensor kept(const Tensor& grid, int64_t rows) const {
    const Tensor mine = every_other(grid, step_.keep);
    if (axis_ == -1) return mine;
    if (step_.keep == 0) return mine.narrow(-2, 0, rows);
    return torch::constant_pad_nd(mine, {0, 0, 1, 0}).narrow(-2, 0, rows);
  }

  // b and raw at the changed places of x [B, bins, frames]: [B, 2, bins', frames']
  Tensor shift_and_scale(const Tensor& x, const Condition& condition) {
    const Tensor grid = x.transpose(1, 2);  // [B, frames, bins]
    const Tensor maps = every_other(condition.features, 1 - step_.keep);
    const int64_t rows = maps.size(-2);
    if (rows == 0) return torch::zeros({x.size(0), 2, maps.size(-1), 0}, x.options());
    const Tensor seen =
        torch::cat({kept(grid, rows).unsqueeze(1), maps, kept(condition.features, rows)}, 1);
    return net_->forward(seen.contiguous(at::MemoryFormat::ChannelsLast), {}).transpose(2, 3);
  }

  GridCoupling step_;
  int64_t axis_;
  ops::Changing changing_;
  ops::Affine affine_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const GridCoupling& step) {
  return std::make_shared<GridCouplingTorch>(step);
}

}  // namespace fluvox::flow
