#include "flow/grid_coupling.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class GridCouplingTorch : public TorchStep {
 public:
  explicit GridCouplingTorch(const GridCoupling& step)
      : step_(step), axis_(step.axis == "frames" ? -2 : -1) {
    net_ = register_module("net", net::make_torch_net(step.net, "grid_coupling.net"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    const Tensor grid = x.transpose(1, 2);  // [B, frames, bins]
    return applied(grid, shift_and_log_scale(grid, condition));
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    const Tensor grid = z.transpose(1, 2);
    const Affine affine = shift_and_log_scale(grid, condition);
    return merge(grid, undone(every_other(grid, 1 - step_.keep), affine));
  }

  Recomputed recompute(const Tensor& z, const Condition& condition) override {
    const auto [x, affine] = recomputed_leaf(
        z, [&](const Tensor& t) { return every_other(t.transpose(1, 2), step_.keep); },
        [&](const Tensor& t) { return every_other(t.transpose(1, 2), 1 - step_.keep); },
        [&](const Tensor& t) { return shift_and_log_scale(t.transpose(1, 2), condition); }, undone);
    return {x, applied(x.transpose(1, 2), affine)};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  struct Affine {
    Tensor b, s;
  };

  Result applied(const Tensor& grid, const Affine& affine) const {
    const Tensor changed = torch::exp(affine.s) * every_other(grid, 1 - step_.keep) + affine.b;
    return {merge(grid, changed), sum_per_item(affine.s)};
  }

  static Tensor undone(const Tensor& z, const Affine& affine) {
    return (z - affine.b) * torch::exp(-affine.s);
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

  Affine shift_and_log_scale(const Tensor& grid, const Condition& condition) {
    const Tensor maps = every_other(condition.features, 1 - step_.keep);
    const int64_t rows = maps.size(-2);
    if (rows == 0) {
      const Tensor none = every_other(grid, 1 - step_.keep);
      return {none, none};
    }
    const Tensor seen =
        torch::cat({kept(grid, rows).unsqueeze(1), maps, kept(condition.features, rows)}, 1);
    const Tensor out = net_->forward(seen.contiguous(at::MemoryFormat::ChannelsLast), {});
    return {out.select(1, 0), bounded_log_scale(out.select(1, 1), step_.limit)};
  }

  // The grid with its changed places replaced, as [B, bins, frames].
  Tensor merge(const Tensor& grid, const Tensor& changed) const {
    Tensor merged = grid.clone();
    every_other(merged, 1 - step_.keep).copy_(changed);
    return merged.transpose(1, 2);
  }

  GridCoupling step_;
  int64_t axis_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const GridCoupling& step) {
  return std::make_shared<GridCouplingTorch>(step);
}

}  // namespace fluvox::flow
