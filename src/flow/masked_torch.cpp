#include "flow/masked.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class MaskedTorch : public TorchStep {
 public:
  explicit MaskedTorch(const Masked& step) : step_(step), ways_(ways(step)) {
    net_ = register_module("net", net::make_torch_net(step.net, "masked.net"));
    if (net_->order() != net::Order::time && net_->order() != net::Order::channels)
      throw Error(Fault::input, "net-not-autoregressive",
                  text("masked: expected a net that is autoregressive over time or channels "
                       "(causal_wn, made), found '",
                       kind_of(step.net, "masked.net"), "'"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    expect_channels(x, step_.channels);
    expect_condition(x, condition);
    if (!ways_.parallel_forward) {
      const Serial found = serial(x, condition, standardised);
      return {found.made, -sum_per_item(found.s)};
    }
    const auto [b, s] = shift_and_log_scale(x, condition);
    return {standardised(x, b, s), -sum_per_item(s)};
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return inverse_with_log_det(z, condition).x;
  }

  Inverted inverse_with_log_det(const Tensor& z, const Condition& condition) override {
    expect_channels(z, step_.channels);
    expect_condition(z, condition);
    if (!ways_.parallel_inverse) {
      const Serial found = serial(z, condition, scaled);
      return {found.made, -sum_per_item(found.s)};
    }
    const auto [b, s] = shift_and_log_scale(z, condition);
    return {scaled(z, b, s), -sum_per_item(s)};
  }

  bool autoregressive_over_time() const override {
    return step_.channels == 1 && net_->order() == net::Order::time;
  }
  Gaussians gaussians(const Tensor& seen, const Condition& condition) override {
    expect_channels(seen, step_.channels);
    expect_condition(seen, condition);
    const auto [b, s] = shift_and_log_scale(seen, condition);
    return {b, s};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  struct Serial {
    Tensor made, s;
  };
  using Map = Tensor (*)(const Tensor& value, const Tensor& b, const Tensor& s);

  static Tensor standardised(const Tensor& x, const Tensor& b, const Tensor& s) {
    return (x - b) * torch::exp(-s);
  }
  static Tensor scaled(const Tensor& z, const Tensor& b, const Tensor& s) {
    return z * torch::exp(s) + b;
  }

  std::pair<Tensor, Tensor> shift_and_log_scale(const Tensor& seen, const Condition& condition) {
    const Tensor out = net_->forward(seen, condition.features);
    return {out.narrow(1, 0, step_.channels),
            bounded_log_scale(out.narrow(1, step_.channels, step_.channels), step_.limit)};
  }

  // Place after place: the net sees what has been made so far, `map` makes the next of it.
  Serial serial(const Tensor& given, const Condition& condition, Map map) {
    const bool over_time = net_->order() == net::Order::time;
    const int64_t axis = over_time ? 2 : 1, places = given.size(axis);
    std::vector<Tensor> made, scales;
    for (int64_t t = 0; t < places; ++t) {
      // Over time no more than the net can see back; over channels the vector is always whole. What
      // has not been made yet is zeros, which the net does not look at.
      const int64_t first = over_time ? std::max<int64_t>(0, t - net_->reach()) : 0;
      const int64_t missing = over_time ? 1 : places - t;
      std::vector<Tensor> seen(made.begin() + first, made.end());
      seen.push_back(torch::zeros_like(given.narrow(axis, t, missing)));
      Condition here = condition;
      if (over_time && condition.features.defined())
        here.features = condition.features.narrow(2, first, t + 1 - first);
      const auto [b, s] = shift_and_log_scale(torch::cat(seen, axis), here);
      const int64_t at = t - first;
      scales.push_back(s.narrow(axis, at, 1));
      made.push_back(map(given.narrow(axis, t, 1), b.narrow(axis, at, 1), scales.back()));
    }
    return {torch::cat(made, axis), torch::cat(scales, axis)};
  }

  Masked step_;
  Ways ways_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const Masked& step) { return std::make_shared<MaskedTorch>(step); }

}  // namespace fluvox::flow
