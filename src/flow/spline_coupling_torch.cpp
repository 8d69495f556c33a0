#include "flow/halves_torch.h"
#include "flow/spline_coupling.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

// The piece that each value falls in: all of one shape.
struct Piece {
  Tensor x, y, w, h, s, d, next_d;  // the left knot, the size, the mean slope, the slopes at knots
};

class SplineCouplingTorch : public TorchStep {
 public:
  explicit SplineCouplingTorch(const SplineCoupling& step)
      : step_(step), halves_(halves_of(step.keep, step.channels, "spline_coupling")) {
    net_ = register_module("net", net::make_torch_net(step.net, "spline_coupling.net"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    return applied(x, net_->forward(kept_of(x, condition), condition.features));
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    const Tensor kept = kept_of(z, condition);
    const Tensor out = net_->forward(kept, condition.features);
    return merge_halves(kept, undone(changed_half(z, halves_), out), halves_);
  }

  Recomputed recompute(const Tensor& z, const Condition& condition) override {
    const auto [x, out] = recomputed_leaf(
        z, [&](const Tensor& t) { return kept_of(t, condition); },
        [&](const Tensor& t) { return changed_half(t, halves_); },
        [&](const Tensor& t) { return net_->forward(kept_of(t, condition), condition.features); },
        [&](const Tensor& t, const Tensor& made) { return undone(t, made); });
    return {x, applied(x, out)};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  // `out` is what the net made of the kept half.
  Result applied(const Tensor& x, const Tensor& out) const {
    const Tensor kept = kept_half(x, halves_), changed = changed_half(x, halves_);
    const Tensor inside = changed.abs() <= step_.bound;
    const Tensor value = changed.clamp(-step_.bound, step_.bound);
    const Piece p = piece(out, value, true);
    const Tensor t = (value - p.x) / p.w, u = t * (1 - t);
    const Tensor below = p.s + (p.next_d + p.d - 2 * p.s) * u;
    const Tensor z = p.y + p.h * (p.s * t.square() + p.d * u) / below;
    const Tensor log_slope =
        2 * torch::log(p.s) +
        torch::log(p.next_d * t.square() + 2 * p.s * u + p.d * (1 - t).square()) -
        2 * torch::log(below);
    return {merge_halves(kept, torch::where(inside, z, changed), halves_),
            sum_per_item(torch::where(inside, log_slope, torch::zeros_like(log_slope)))};
  }

  Tensor undone(const Tensor& changed, const Tensor& out) const {
    const Tensor inside = changed.abs() <= step_.bound;
    const Tensor value = changed.clamp(-step_.bound, step_.bound);
    const Piece p = piece(out, value, false);
    const Tensor v = value - p.y, e = p.next_d + p.d - 2 * p.s;
    const Tensor a = v * e + p.h * (p.s - p.d), b = p.h * p.d - v * e, c = -p.s * v;
    const Tensor root = torch::sqrt((b.square() - 4 * a * c).clamp_min(0));
    const Tensor x = p.x + p.w * (2 * c / (-b - root));
    return torch::where(inside, x, changed);
  }

  Tensor kept_of(const Tensor& x, const Condition& condition) const {
    expect_channels(x, step_.channels);
    expect_condition(x, condition);
    return kept_half(x, halves_);
  }

  // raw [..., bins] -> knots [..., bins + 1] from -bound to bound
  Tensor knots(const Tensor& raw) const {
    const double least = SplineCoupling::kLeastSize;
    const Tensor sizes = least + (1 - least * step_.bins) * torch::softmax(raw, -1);
    const Tensor inner =
        -step_.bound + 2 * step_.bound * sizes.cumsum(-1).narrow(-1, 0, step_.bins - 1);
    const Tensor end = torch::full_like(raw.narrow(-1, 0, 1), step_.bound);
    return torch::cat({-end, inner, end}, -1);
  }

  Piece piece(const Tensor& out, const Tensor& value, bool by_x) const {
    expect_channels(out, int64_t{halves_.count} * step_.numbers());
    const Tensor raw =
        out.reshape({out.size(0), halves_.count, step_.numbers(), out.size(2)}).transpose(2, 3);
    const Tensor x = knots(raw.narrow(-1, 0, step_.bins));
    const Tensor y = knots(raw.narrow(-1, step_.bins, step_.bins));
    const Tensor inner =
        SplineCoupling::kLeastSlope +
        torch::softplus(raw.narrow(-1, 2 * step_.bins, step_.bins - 1) + kSlopeShift);
    const Tensor one = torch::ones_like(raw.narrow(-1, 0, 1));
    const Tensor d = torch::cat({one, inner, one}, -1);
    const Tensor inner_knots = (by_x ? x : y).narrow(-1, 1, step_.bins - 1);
    const Tensor k = (value.unsqueeze(-1) >= inner_knots).sum(-1, true);
    const auto at = [](const Tensor& of, const Tensor& index) {
      return of.gather(-1, index).squeeze(-1);
    };
    Piece p{at(x, k), at(y, k), {}, {}, {}, at(d, k), at(d, k + 1)};
    p.w = at(x, k + 1) - p.x;
    p.h = at(y, k + 1) - p.y;
    p.s = p.h / p.w;
    return p;
  }

  SplineCoupling step_;
  Halves halves_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const SplineCoupling& step) {
  return std::make_shared<SplineCouplingTorch>(step);
}

}  // namespace fluvox::flow
