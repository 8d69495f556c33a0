// Every step that a spec may name, proven a bijection with the log-determinant that it reports, by
// the checks of bijection.h; its runtime body held against LibTorch in float64; and its round trip
// in float32 bounded by depth. A new step is a row.
#include "parity/bijection.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "core/threads.h"
#include "flow/halves_torch.h"
#include "flow/registry.h"
#include "flow/safetensors.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/temp_folder.h"
#include "support/throws.h"
#include "train/tensors_torch.h"

namespace fluvox::bijection {
namespace {

Json wn(int inputs, int outputs, int condition) {
  return {{"kind", "wn"}, {"inputs", inputs}, {"outputs", outputs},    {"channels", 3},
          {"layers", 2},  {"kernel", 3},      {"condition", condition}};
}

Json conv2d(int inputs) {
  return {{"kind", "conv2d"}, {"inputs", inputs}, {"outputs", 2},
          {"channels", 3},    {"kernel", 3},      {"dilations", {1}}};
}

bool same_place(int64_t c, int64_t t, int64_t d, int64_t u) { return c == d && t == u; }
bool same_row(int64_t, int64_t t, int64_t, int64_t u) { return t == u; }

// A coupling of 4 channels: what is kept stays, what is changed depends on itself and on what is
// kept; so with the kept half in front the Jacobian is triangular.
Row coupling(const std::string& name, const Json& more, int outputs, std::set<int64_t> kept) {
  Json step = {{"kind", "coupling"}, {"channels", 4}, {"net", wn(2, outputs, 3)}};
  step.update(more);
  return {name,
          step,
          4,
          6,
          3,
          0,
          false,
          [kept = std::move(kept)](int64_t c, int64_t t, int64_t d, int64_t u) {
            return same_place(c, t, d, u) || (!kept.count(c) && kept.count(d));
          }};
}

// The autoregressive steps: triangular in time, from channel to channel, from row to row.
std::vector<Row> serial_rows() {
  const auto in_time = [](int64_t c, int64_t t, int64_t d, int64_t u) {
    return u < t || same_place(c, t, d, u);
  };
  const auto over_channels = [](int64_t c, int64_t t, int64_t d, int64_t u) {
    return d < c || same_place(c, t, d, u);
  };
  const Json causal = {{"kind", "causal_wn"}, {"inputs", 2}, {"outputs", 4},
                       {"channels", 3},       {"layers", 2}, {"cycle", 2},
                       {"kernel", 2},         {"front", 2},  {"condition", 3}};
  const Json made = {
      {"kind", "made"}, {"inputs", 3}, {"channels", 7}, {"layers", 2}, {"condition", 2}};
  const Json rows = {
      {"kind", "wn2d"}, {"channels", 3}, {"kernel", 3}, {"row_dilations", {1}}, {"condition", 2}};
  std::vector<Row> all;
  for (const char* parallel : {"forward", "inverse"}) {
    const auto masked = [&](int channels, const Json& net) {
      return Json{{"kind", "masked"}, {"channels", channels}, {"parallel", parallel}, {"net", net}};
    };
    all.push_back(
        {text("masked_in_time_", parallel), masked(2, causal), 2, 6, 3, 0, false, in_time});
    all.push_back(
        {text("masked_made_", parallel), masked(3, made), 3, 4, 2, 0, false, over_channels});
  }
  all.push_back({"row_coupling",
                 {{"kind", "row_coupling"}, {"rows", 3}, {"limit", 1.5}, {"net", rows}},
                 3,
                 4,
                 6,
                 0,
                 false,
                 over_channels});
  return all;
}

std::vector<Row> all_rows() {
  std::vector<Row> rows = {
      coupling("coupling_exp", Json::object(), 4, {0, 1}),
      coupling("coupling_second", {{"keep", "second"}, {"limit", 1.5}}, 4, {2, 3}),
      coupling("coupling_even", {{"keep", "even"}, {"scale", "sigmoid"}}, 4, {0, 2}),
      coupling("coupling_odd", {{"keep", "odd"}}, 4, {1, 3}),
      coupling("coupling_additive", {{"scale", "none"}}, 2, {0, 1}),
      coupling("coupling_multiplicative", {{"shift", false}}, 2, {0, 1}),
      // A vector of two numbers, one position, no condition.
      {"coupling_of_a_vector", {{"kind", "coupling"}, {"channels", 2}, {"net", wn(1, 2, 0)}}, 2, 1},
      {"spline_coupling",
       {{"kind", "spline_coupling"},
        {"channels", 4},
        {"bins", 5},
        {"bound", 2},
        {"net", wn(2, 28, 3)}},
       4,
       6,
       3},
      {"spline_coupling_odd",
       {{"kind", "spline_coupling"},
        {"channels", 4},
        {"keep", "odd"},
        {"bins", 2},
        {"bound", 1},
        {"net", wn(2, 10, 3)}},
       4,
       6,
       3},
      {"conditional_affine",
       {{"kind", "conditional_affine"}, {"channels", 3}, {"net", wn(4, 6, 0)}},
       3,
       6,
       4,
       0,
       false,
       same_place},
      {"invertible1x1_plain",
       {{"kind", "invertible1x1"}, {"channels", 4}},
       4,
       6,
       0,
       0,
       false,
       same_row},
      {"invertible1x1_lu",
       {{"kind", "invertible1x1"}, {"channels", 5}, {"form", "lu"}},
       5,
       4,
       0,
       0,
       false,
       same_row},
      {"invertible1x1_orthogonal",
       {{"kind", "invertible1x1"}, {"channels", 5}, {"form", "orthogonal"}},
       5,
       4,
       0,
       0,
       false,
       same_row},
      {"scale", {{"kind", "scale"}, {"channels", 3}}, 3, 6, 0, 0, false, same_place},
      {"actnorm", {{"kind", "actnorm"}, {"channels", 3}}, 3, 6, 0, 0, false, same_place},
      {"batchnorm", {{"kind", "batchnorm"}, {"channels", 3}}, 3, 6, 0, 0, false, same_place},
      {"batchnorm_in_training", {{"kind", "batchnorm"}, {"channels", 3}}, 3, 6, 0, 0, true},
      {"permute_reverse", {{"kind", "permute"}, {"channels", 5}}, 5, 3, 0, 0, false, same_row},
      {"permute_swap", {{"kind", "permute"}, {"channels", 6}, {"order", "swap"}}, 6, 3},
      {"permute_reverse_halves",
       {{"kind", "permute"}, {"channels", 6}, {"order", "reverse_halves"}},
       6,
       3},
      {"permute_shuffle",
       {{"kind", "permute"}, {"channels", 7}, {"order", "shuffle"}, {"seed", 5}},
       7,
       3},
      {"squeeze", {{"kind", "squeeze"}, {"group", 4}}, 1, 12},
      {"squeeze_of_many", {{"kind", "squeeze"}, {"group", 3}, {"channels", 2}}, 2, 6},
      // Of N(0, 1): values in all three of its parts.
      {"knee",
       {{"kind", "knee"}, {"start", 0.4}, {"width", 0.6}, {"slope", 0.3}},
       2,
       24,
       0,
       0,
       false,
       same_place},
      {"lapped", {{"kind", "lapped"}, {"hop", 4}}, 1, 16},
      {"whiten", {{"kind", "whiten"}, {"bins", 4}}, 4, 3, 0, 2, false, same_place},
  };
  for (Row& row : serial_rows()) rows.push_back(std::move(row));
  for (const char* axis : {"bins", "frames"})
    for (const int keep : {0, 1})
      rows.push_back(
          {text("grid_coupling_", axis, "_", keep),
           {{"kind", "grid_coupling"}, {"axis", axis}, {"keep", keep}, {"net", conv2d(5)}},
           4,
           5,
           0,
           2});
  return rows;
}

class Bijection : public testing::TestWithParam<Row> {
 protected:
  Bijection() : s_(make_subject(GetParam(), 11)) {}
  Subject s_;
};

INSTANTIATE_TEST_SUITE_P(EveryStep, Bijection, testing::ValuesIn(all_rows()),
                         [](const auto& one) { return one.param.name; });

TEST_P(Bijection, LogDetIsThatOfTheJacobian) { EXPECT_LT(log_det_error(s_), 1e-9); }

TEST_P(Bijection, LogDetOfTheInverseIsTheSame) { EXPECT_LT(inverse_log_det_error(s_), 1e-9); }

TEST_P(Bijection, TheInverseInverts) {
  EXPECT_LT(round_trip_error(s_), 1e-10);
  if (!s_.row.training) {
    EXPECT_LT(jacobian_product_error(s_), 1e-9);
  }
}

TEST_P(Bijection, DependsOnNothingElse) {
  if (s_.row.may_depend) {
    EXPECT_EQ(forbidden_dependence(s_), 0);
  }
  if (!s_.row.training) {
    EXPECT_LT(mixing_of_items(s_), 1e-12);
  }
}

TEST_P(Bijection, GradientsAreThoseOfDifferences) { EXPECT_LT(gradient_error(s_), 1e-6); }

TEST_P(Bijection, TheConditionMatters) {
  if (s_.row.condition + s_.row.maps > 0) {
    EXPECT_GT(condition_effect(s_), 1e-3);
  }
}

// The tensors of a step, as a model file would hold them under `place`.
Tensors tensors_of(const TorchStep& step) {
  Tensors all;
  for (const auto& p : step.named_parameters())
    all["steps.7." + p.key()] = train::to_host(p.value());
  for (const auto& b : step.named_buffers()) all["steps.7." + b.key()] = train::to_host(b.value());
  return all;
}

TEST_P(Bijection, SavedAndLoadedTheSameBits) {
  const torch::NoGradGuard no_grad;
  Subject s = make_subject(GetParam(), 11, at::kFloat);
  const support::TempFolder folder;
  flow::write_safetensors(folder.path() / "step.safetensors", tensors_of(*s.step), {});
  const Tensors read = flow::read_safetensors(folder.path() / "step.safetensors").tensors;
  const flow::TorchStepPtr other = make_step(s.row, 99);
  const auto load = [&](const auto& named) {
    for (auto& item : named) {
      const Tensor to = item.value();
      to.copy_(train::to_torch(read.at("steps.7." + item.key())));
    }
  };
  load(other->named_parameters());
  load(other->named_buffers());
  const auto expected = s.step->forward(s.x, s.condition), found = other->forward(s.x, s.condition);
  EXPECT_TRUE(torch::equal(found.z, expected.z));
  EXPECT_TRUE(torch::equal(found.log_det, expected.log_det));
  EXPECT_TRUE(torch::equal(other->inverse(expected.z, s.condition),
                           s.step->inverse(expected.z, s.condition)));
}

net::Grid grid_of(const Tensor& item) {  // [channels, T] -> [T][channels]
  const Tensor t = item.t().contiguous().to(torch::kFloat32);
  net::Grid grid(static_cast<int>(t.size(0)), static_cast<int>(t.size(1)));
  std::copy_n(t.data_ptr<float>(), grid.values.size(), grid.values.begin());
  return grid;
}

double error_of(const net::Grid& found, const Tensor& expected) {
  const net::Grid wanted = grid_of(expected);
  if (wanted.rows != found.rows || wanted.columns != found.columns)
    return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (size_t i = 0; i < wanted.values.size(); ++i)
    worst = std::max(worst, std::abs(double{found.values[i]} - wanted.values[i]) /
                                std::max(1.0, std::abs(double{wanted.values[i]})));
  return worst;
}

TEST_P(Bijection, TheRuntimeDoesTheSame) {
  const torch::NoGradGuard no_grad;
  if (s_.row.training) GTEST_SKIP() << "the runtime knows evaluation alone";
  if (!flow::has_runtime(s_.row.step, "step")) GTEST_SKIP() << "no runtime body";
  const Tensors tensors = tensors_of(*make_step(GetParam(), 11));
  net::Weights weights(tensors);
  net::Weights mine = weights.in("steps.7");
  const flow::RuntimeStepPtr step = flow::make_runtime_step(s_.row.step, "steps.7", mine);
  weights.refuse_leftovers();
  net::RuntimeCondition condition;
  if (s_.row.maps > 0) {  // [maps, frames, bins] -> [frames][bins * maps]
    const Tensor maps = s_.condition.features[0].permute({1, 2, 0}).flatten(1);
    condition = {grid_of(maps.t()), grid_of(s_.condition.log_scale[0].t())};
  } else {
    condition.features = grid_of(s_.condition.features[0]);
  }
  const auto expected = s_.step->forward(s_.x, s_.condition);
  Threads threads(2);
  net::Grid x = grid_of(s_.x[0]);
  const double log_det = step->forward(x, condition, threads);
  EXPECT_LT(error_of(x, expected.z[0]), 1e-5);
  EXPECT_NEAR(log_det, expected.log_det[0].item<double>(), 1e-5 * std::max(1.0, std::abs(log_det)));
  net::Grid z = grid_of(expected.z[0]);
  step->inverse(z, condition, threads);
  EXPECT_LT(error_of(z, s_.x[0]), 1e-5);
}

// z through 1, 8 and 32 different steps of the kind and back, in float32. To first order an error
// that step k makes reaches x through the inverses of the steps before it, so with J_k the Jacobian
// of the first k inverses (its norm is their Lipschitz constant here),
//   error <= c eps sum_k |J_k| max(1, |x_k|)        c = 32 for the roundings within one step
// A fixed tolerance would be too wide for one step or too narrow for thirty-two.
TEST_P(Bijection, RoundTripInFloat32IsBoundedByDepth) {
  if (s_.row.training) GTEST_SKIP() << "statistics of one item are another map";
  constexpr double kRoundings = 32;
  for (const int depth : {1, 8, 32}) {
    std::vector<Subject> stack;
    Tensor x = s_.x;
    Tensor product = torch::eye(x[0].numel(), torch::kFloat64);
    double bound = 0;
    for (int k = 0; k < depth; ++k) {
      Subject step = make_subject(GetParam(), 100 + static_cast<uint64_t>(k));
      step.condition = s_.condition;
      if (step.step->forward(x, step.condition).z.sizes() != x.sizes())
        GTEST_SKIP() << "does not stack: its z has another shape";
      x = step.step->forward(x, step.condition).z.detach();
      const Tensor back = jacobian(
          [&](const Tensor& z) {
            return step.step->inverse(
                z.unsqueeze(0),
                {step.condition.features.narrow(0, 0, 1),
                 step.condition.log_scale.defined() ? step.condition.log_scale.narrow(0, 0, 1)
                                                    : Tensor()});
          },
          x[0]);
      product = torch::matmul(product, back);
      const double norm = torch::linalg_matrix_norm(product, 2).item<double>();
      bound += norm * std::max(1.0, x[0].norm().item<double>());
      stack.push_back(std::move(step));
    }
    bound *= kRoundings * std::numeric_limits<float>::epsilon();
    const torch::NoGradGuard no_grad;
    const Condition condition = {
        s_.condition.features.to(torch::kFloat32),
        s_.condition.log_scale.defined() ? s_.condition.log_scale.to(torch::kFloat32) : Tensor()};
    Tensor there = s_.x.to(torch::kFloat32);
    for (Subject& one : stack) {
      one.step->to(torch::kFloat32);
      there = one.step->forward(there, condition).z;
    }
    for (auto one = stack.rbegin(); one != stack.rend(); ++one)
      there = one->step->inverse(there, condition);
    const double error = (there[0].to(torch::kFloat64) - s_.x[0]).abs().max().item<double>();
    EXPECT_LT(error, bound) << depth << " deep";
    RecordProperty(text("error_", depth), text(error, " of at most ", bound));
  }
}

TEST(BijectionSuite, HasARowForEveryKind) {
  // The registry names its kinds when it refuses one that it does not know.
  const std::string message = support::thrown_by([] {
                                flow::make_torch_step({{"kind", "?"}}, "x");
                              }).what();
  const size_t from = message.find("of kind ") + 8;
  const std::string listed = message.substr(from, message.find(';') - from) + ", ";
  std::set<std::string> known, tested = {"split"};  // the flow's own
  for (size_t at = 0; at < listed.size(); at = listed.find(", ", at) + 2)
    known.insert(listed.substr(at, listed.find(", ", at) - at));
  for (const Row& row : all_rows()) tested.insert(row.step.at("kind"));
  EXPECT_EQ(known, tested);
}

// bf16 is for the nets alone: what they give becomes float32 again before anything is made of it.
TEST(Autocast, NeverTouchesLogDetsMatricesOrTheAffine) {
  const torch::NoGradGuard no_grad;
  for (const char* scale : {"exp", "sigmoid"}) {
    Subject s = make_subject(coupling("", {{"scale", scale}}, 4, {}), 5, at::kFloat);
    s.step->network()->precision = at::kBFloat16;
    const auto [z, log_det] = s.step->forward(s.x, s.condition);
    EXPECT_EQ(z.scalar_type(), at::kFloat);
    EXPECT_EQ(log_det.scalar_type(), at::kFloat);
    const Tensor out = s.step->network()->forward(s.x.narrow(1, 0, 2), s.condition.features);
    EXPECT_EQ(out.scalar_type(), at::kFloat);
    const Tensor raw = out.narrow(1, 2, 2);
    const Tensor log_scales = scale == std::string("exp") ? raw : torch::log_sigmoid(raw + 2);
    // To float32's rounding; in bf16 they would be off by 1e-3.
    EXPECT_TRUE(torch::allclose(log_det, log_scales.flatten(1).sum(1), 1e-6, 1e-6));
    EXPECT_TRUE(torch::allclose(z.narrow(1, 2, 2),
                                torch::exp(log_scales) * s.x.narrow(1, 2, 2) + out.narrow(1, 0, 2),
                                1e-6, 1e-6));
    s.step->network()->precision = at::kFloat;
    EXPECT_FALSE(torch::equal(s.step->forward(s.x, s.condition).z, z)) << "bf16 was not in use";
  }
}

}  // namespace
}  // namespace fluvox::bijection
