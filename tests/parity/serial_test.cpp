// The steps that are serial in one direction, both bodies: triangular Jacobians, exact
// log-determinants, and the number of network calls that each direction takes, counted from outside
// by LibTorch's own record of the functions it runs.
#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <atomic>

#include "core/threads.h"
#include "flow/masked.h"
#include "flow/registry.h"
#include "flow/row_coupling.h"
#include "flow/step_runtime.h"
#include "flow/step_torch.h"
#include "net/weights.h"
#include "support/throws.h"
#include "train/tensors_torch.h"

namespace fluvox::flow {
namespace {

constexpr int kCondition = 3;

struct Case {
  std::string name;
  Json json;
  int channels, positions;
  int condition;       // channels of the features
  bool over_channels;  // what the Jacobian is triangular in, for one position; otherwise in time
  int multiplies;      // of one call of the net: convolutions and linear layers
  int serial_calls;
};

Json causal(int channels) {
  return {{"kind", "causal_wn"}, {"inputs", channels}, {"outputs", 2 * channels},
          {"channels", 6},       {"layers", 3},        {"cycle", 2},
          {"kernel", 2},         {"front", 3},         {"condition", kCondition}};
}

Json masked(int channels, const std::string& parallel, const Json& net) {
  return {{"kind", "masked"}, {"channels", channels}, {"parallel", parallel}, {"net", net}};
}

std::vector<Case> cases() {
  const Json made = {
      {"kind", "made"}, {"inputs", 4}, {"channels", 11}, {"layers", 2}, {"condition", kCondition}};
  const Json rows = {{"kind", "wn2d"},
                     {"channels", 5},
                     {"kernel", 3},
                     {"condition", kCondition},
                     {"row_dilations", {1, 2}}};
  const auto row_coupling = [&](const Json& order) {
    return Json{{"kind", "row_coupling"}, {"rows", 4}, {"order", order}, {"net", rows}};
  };
  return {{"maf", masked(1, "forward", causal(1)), 1, 14, kCondition, false, 10, 14},
          {"maf_of_two_channels", masked(2, "forward", causal(2)), 2, 7, kCondition, false, 10, 7},
          {"iaf", masked(1, "inverse", causal(1)), 1, 14, kCondition, false, 10, 14},
          {"made", masked(4, "forward", made), 4, 5, kCondition, true, 4, 4},
          {"made_turned_round", masked(4, "inverse", made), 4, 5, kCondition, true, 4, 4},
          {"rows", row_coupling(Json::array()), 4, 6, 4 * kCondition, true, 7, 3},
          {"rows_reversed", row_coupling({3, 2, 1, 0}), 4, 6, 4 * kCondition, true, 7, 3}};
}

class SerialStep : public testing::TestWithParam<Case> {
 protected:
  SerialStep() {
    torch::manual_seed(4);
    const torch::NoGradGuard no_grad;
    const Case& c = GetParam();
    step_ = make_torch_step(c.json, "steps.3");
    for (auto& p : step_->parameters())
      p.normal_(0, p.dim() > 1 ? 0.8 / std::sqrt(static_cast<double>(p[0].numel())) : 0.3);
    for (const auto& p : step_->named_parameters())
      tensors_["steps.3." + p.key()] = train::to_host(p.value());
    step_->to(torch::kFloat64);
    x_ = torch::randn({2, c.channels, c.positions}, torch::kFloat64);
    condition_.features = torch::randn({2, c.condition, c.positions}, torch::kFloat64);
  }

  TorchStepPtr step_;
  Tensors tensors_;
  torch::Tensor x_;
  Condition condition_;
};

// d z[item] / d x, [numel, numel]
torch::Tensor jacobian(const torch::Tensor& z, const torch::Tensor& x, int64_t item) {
  std::vector<torch::Tensor> rows;
  const torch::Tensor flat = z[item].reshape({-1});
  for (int64_t i = 0; i < flat.numel(); ++i)
    rows.push_back(torch::autograd::grad({flat[i]}, {x}, {}, true)[0][item].reshape({-1}));
  return torch::stack(rows);
}

TEST_P(SerialStep, LogDetIsThatOfATriangularJacobian) {
  const Case& c = GetParam();
  const torch::Tensor x = x_.clone().requires_grad_(true);
  const auto [z, log_det] = step_->forward(x, condition_);
  for (int64_t item : {0, 1}) {
    const torch::Tensor j = jacobian(z, x, item);
    const double exact = std::get<1>(torch::linalg_slogdet(j)).item<double>();
    EXPECT_NEAR(log_det[item].item<double>(), exact, 1e-9);
    EXPECT_GT(std::abs(exact), 0.1);
    // z[channel a, t] against x[channel b, u]
    const torch::Tensor places = j.reshape({c.channels, c.positions, c.channels, c.positions});
    for (int a = 0; a < c.channels; ++a)
      for (int t = 0; t < c.positions; ++t)
        for (int b = 0; b < c.channels; ++b)
          for (int u = 0; u < c.positions; ++u) {
            const bool reversed = c.name == "rows_reversed";
            const bool later = c.over_channels ? (reversed ? b < a : b > a) || (b == a && u != t)
                                               : u > t || (u == t && b != a);
            if (later) EXPECT_EQ(places[a][t][b][u].item<double>(), 0) << a << t << b << u;
          }
  }
}

TEST_P(SerialStep, BothDirectionsAreOneMap) {
  const torch::NoGradGuard no_grad;
  const auto [z, log_det] = step_->forward(x_, condition_);
  EXPECT_LT((step_->inverse(z, condition_) - x_).abs().max().item<double>(), 1e-10);
  const auto [x, same_log_det] = step_->inverse_with_log_det(z, condition_);
  EXPECT_LT((x - x_).abs().max().item<double>(), 1e-10);
  EXPECT_LT((same_log_det - log_det).abs().max().item<double>(), 1e-10);
}

std::atomic<int> multiplies{0};

int multiplies_of(const std::function<void()>& call) {
  multiplies = 0;
  const auto handle = at::addGlobalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& f)
                                     -> std::unique_ptr<at::ObserverContext> {
        const std::string name = f.name();
        if (name == "aten::conv1d" || name == "aten::conv2d" || name == "aten::linear")
          ++multiplies;
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  call();
  at::removeCallback(handle);
  return multiplies;
}

TEST_P(SerialStep, CallsItsNetOnceOrOnceForEveryPlace) {
  const torch::NoGradGuard no_grad;
  const Case& c = GetParam();
  const Ways one = ways_of(c.json, "steps.3");
  EXPECT_NE(one.parallel_forward, one.parallel_inverse);
  const int forward = multiplies_of([&] { step_->forward(x_, condition_); });
  const int inverse = multiplies_of([&] { step_->inverse(x_, condition_); });
  EXPECT_EQ(one.parallel_forward ? forward : inverse, c.multiplies);
  EXPECT_EQ(one.parallel_forward ? inverse : forward, c.multiplies * c.serial_calls);
}

Grid to_grid(const torch::Tensor& x) {  // [channels, T]
  Grid grid(static_cast<int>(x.size(1)), static_cast<int>(x.size(0)));
  const torch::Tensor by_time = x.t().to(torch::kFloat32).contiguous();
  std::copy_n(by_time.data_ptr<float>(), grid.values.size(), grid.values.begin());
  return grid;
}

double difference(const Grid& found, const torch::Tensor& expected) {
  const Grid wanted = to_grid(expected);
  double worst = 0;
  for (size_t i = 0; i < wanted.values.size(); ++i)
    worst = std::max<double>(worst, std::abs(found.values[i] - wanted.values[i]));
  return worst;
}

TEST_P(SerialStep, TheRuntimeDoesTheSame) {
  const torch::NoGradGuard no_grad;
  const Case& c = GetParam();
  EXPECT_TRUE(has_runtime(c.json, "steps.3"));
  net::Weights all(tensors_);
  net::Weights mine = all.in("steps.3");
  const RuntimeStepPtr runtime = make_runtime_step(c.json, "steps.3", mine);
  all.refuse_leftovers();
  const ConditionShape shape{.row_samples = 1, .channels = c.condition};
  EXPECT_EQ(runtime->fit("steps.3", {1, c.channels}, shape).channels, c.channels);
  const RuntimeCondition condition{to_grid(condition_.features[0]), {}};
  const auto [z, log_det] = step_->forward(x_, condition_);
  std::vector<float> first;
  for (int n : {1, 3}) {
    Threads threads(n);
    Grid grid = to_grid(x_[0]);
    EXPECT_NEAR(runtime->forward(grid, condition, threads), log_det[0].item<double>(), 1e-5);
    EXPECT_LT(difference(grid, z[0]), 1e-5);
    grid = to_grid(x_[0]);
    runtime->inverse(grid, condition, threads);
    EXPECT_LT(difference(grid, step_->inverse(x_, condition_)[0]), 1e-4);
    if (n == 1) first = grid.values;
    EXPECT_EQ(grid.values, first);
  }
}

TEST_P(SerialStep, RefusesWhatDoesNotFit) {
  const Case& c = GetParam();
  net::Weights all(tensors_);
  net::Weights mine = all.in("steps.3");
  const RuntimeStepPtr runtime = make_runtime_step(c.json, "steps.3", mine);
  const auto code = [&](StepShape in, const ConditionShape& shape) {
    return support::thrown_by([&] { runtime->fit("steps.3", in, shape); }).code();
  };
  const ConditionShape right{.row_samples = 1, .channels = c.condition};
  EXPECT_EQ(code({1, c.channels + 1}, right), "shape-mismatch");
  EXPECT_EQ(code({2, c.channels}, right), "shape-mismatch");
  EXPECT_EQ(code({1, c.channels}, {.row_samples = 1, .channels = c.condition + 1}),
            "shape-mismatch");
  const auto wrong = support::thrown_by([&] {
    step_->forward(torch::zeros({1, c.channels + 1, 4}, torch::kFloat64), condition_);
  });
  EXPECT_EQ(wrong.code(), "shape-mismatch");
  EXPECT_NE(std::string(wrong.what()).find("steps.3"), std::string::npos) << wrong.what();
}

INSTANTIATE_TEST_SUITE_P(All, SerialStep, testing::ValuesIn(cases()),
                         [](const auto& one) { return one.param.name; });

TEST(SerialSteps, RefuseANetThatSeesTooMuch) {
  const Json wn = {{"kind", "wn"}, {"inputs", 1}, {"outputs", 2}, {"condition", kCondition}};
  EXPECT_EQ(
      support::thrown_by([&] { make_torch_step(masked(1, "forward", wn), "steps.1"); }).code(),
      "net-not-autoregressive");
  const Json rows = {{"kind", "row_coupling"}, {"rows", 4}, {"net", wn}};
  EXPECT_EQ(support::thrown_by([&] { make_torch_step(rows, "steps.1"); }).code(),
            "net-not-autoregressive");
}

TEST(SerialSteps, RefuseAnOrderThatLeavesARowOut) {
  for (const std::vector<int>& order : {std::vector<int>{0, 1, 1, 3}, {0, 1, 2}, {1, 2, 3, 4}}) {
    RowCoupling step;
    step.rows = 4;
    step.order = order;
    EXPECT_EQ(support::thrown_by([&] { order_of(step); }).code(), "config-invalid");
  }
}

}  // namespace
}  // namespace fluvox::flow
