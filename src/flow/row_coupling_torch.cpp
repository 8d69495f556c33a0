#include "flow/row_coupling.h"
#include "flow/step_torch.h"
#include "ops/ops.h"

namespace fluvox::flow {
namespace {

class RowCouplingTorch : public TorchStep {
 public:
  explicit RowCouplingTorch(const RowCoupling& step) : step_(step) {
    const std::vector<int> order = order_of(step);
    order_ = torch::tensor(std::vector<int64_t>(order.begin(), order.end()));
    back_ = torch::argsort(order_);
    net_ = register_module("net", net::make_torch_net(step.net, "row_coupling.net"));
    if (net_->order() != net::Order::rows)
      throw Error(Fault::input, "net-not-autoregressive",
                  text("row_coupling: expected a net that is autoregressive over rows (wn2d), "
                       "found '",
                       kind_of(step.net, "row_coupling.net"), "'"));
  }

  Result forward(const Tensor& x, const Condition& condition) override {
    const auto [rows, features] = in_order(x, condition);
    const int64_t changing = step_.rows - 1;
    const Tensor made = net_->forward(rows.narrow(1, 0, changing).unsqueeze(1), features);
    const auto [z, log_det] = ops::coupling(rows, made, {1, 1, 1}, {true, "exp", step_.limit});
    return {in_place(z), log_det};
  }

  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return inverse_with_log_det(z, condition).x;
  }

  Inverted inverse_with_log_det(const Tensor& z, const Condition& condition) override {
    const auto [rows, features] = in_order(z, condition);
    Tensor made = rows.narrow(1, 0, 1);
    Tensor log_det = torch::zeros({z.size(0)}, z.options());
    for (int64_t i = 1; i < step_.rows; ++i) {
      const auto [b, s] = shift_and_log_scale(made, features.narrow(2, 0, i));
      const Tensor newest = s.narrow(1, i - 1, 1);
      const Tensor row = (rows.narrow(1, i, 1) - b.narrow(1, i - 1, 1)) * torch::exp(-newest);
      made = torch::cat({made, row}, 1);
      log_det = log_det + sum_per_item(newest);
    }
    return {in_place(made), log_det};
  }

  net::TorchNet* network() override { return net_.get(); }

 private:
  // x [B, rows, T'] in the order of work, and the condition of its rows but the first, [B,
  // condition, rows - 1, T']
  std::pair<Tensor, Tensor> in_order(const Tensor& x, const Condition& condition) const {
    expect_channels(x, step_.rows);
    expect_condition(x, condition);
    const Tensor order = order_.to(x.device());
    const Tensor features =
        condition.features.reshape({x.size(0), -1, step_.rows, x.size(2)}).index_select(2, order);
    return {x.index_select(1, order), features.narrow(2, 1, step_.rows - 1)};
  }

  Tensor in_place(const Tensor& rows) const {
    return rows.index_select(1, back_.to(rows.device()));
  }

  std::pair<Tensor, Tensor> shift_and_log_scale(const Tensor& before, const Tensor& features) {
    const Tensor out = net_->forward(before.unsqueeze(1), features);
    return {out.select(1, 0), bounded_log_scale(out.select(1, 1), step_.limit)};
  }

  RowCoupling step_;
  Tensor order_, back_;
  net::TorchNetPtr net_;
};

}  // namespace

TorchStepPtr make_torch(const RowCoupling& step) {
  return std::make_shared<RowCouplingTorch>(step);
}

}  // namespace fluvox::flow
