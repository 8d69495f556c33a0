// The operators against the plain LibTorch expressions, their derivatives against differences, and
// what they refuse.
#include "ops/ops.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <vector>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox::ops {
namespace {

using Tensors = std::vector<Tensor>;
using Function = std::function<Tensors(const Tensors&)>;

Tensor random(at::IntArrayRef sizes, uint64_t seed, at::ScalarType type = at::kDouble) {
  torch::manual_seed(seed);
  return torch::randn(sizes, at::kDouble).to(type);
}

// The same numbers as x, its dimensions in another order in memory.
Tensor turned(const Tensor& x) { return x.transpose(1, 2).contiguous().transpose(1, 2); }

struct Case {
  std::string name;
  Function op, plain;
  Tensors inputs;  // float64
  bool in_float32 = true;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// What the places of x that change become, by slices and plain arithmetic.
Tensors plain_coupling(bool forward, const Tensor& x, const Tensor& net, const Changing& c,
                       const Affine& a) {
  const int64_t count = net.size(1 + c.dim);
  const Tensor here = x.slice(c.dim, c.first, c.first + (count - 1) * c.step + 1, c.step);
  Tensor b, s;
  if (a.shift) b = net.select(1, 0);
  if (a.scale != "none") {
    const Tensor raw = net.select(1, net.size(1) - 1);
    s = a.scale == "sigmoid" ? torch::log_sigmoid(raw + 2)
        : a.limit > 0        ? a.limit * torch::tanh(raw / a.limit)
                             : raw;
  }
  Tensor made = here;
  if (forward) {
    if (s.defined()) made = torch::exp(s) * made;
    if (b.defined()) made = made + b;
  } else {
    if (b.defined()) made = made - b;
    if (s.defined()) made = made * torch::exp(-s);
  }
  const Tensor z =
      torch::slice_scatter(x, made, c.dim, c.first, c.first + (count - 1) * c.step + 1, c.step);
  if (!forward) return {z};
  return {z, s.defined() ? s.flatten(1).sum(1) : torch::zeros({x.size(0)}, x.options())};
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto gate_plain = [](const Tensors& i) -> Tensors {
    const auto halves = (i.size() > 1 ? i[0] + i[1] : i[0]).chunk(2, 1);
    return {torch::tanh(halves[0]) * torch::sigmoid(halves[1])};
  };
  const auto gate_op = [](const Tensors& i) -> Tensors {
    return {i.size() > 1 ? gate(i[0], i[1]) : gate(i[0], {})};
  };
  all.push_back({"gate", gate_op, gate_plain, {random({2, 6, 5}, 1)}});
  all.push_back({"gate_with_condition",
                 gate_op,
                 gate_plain,
                 {random({2, 6, 5}, 1), random({2, 18, 5}, 2).narrow(1, 6, 6)}});
  all.push_back({"gate_over_a_grid",
                 gate_op,
                 gate_plain,
                 {random({2, 4, 3, 5}, 1), turned(random({2, 4, 3, 5}, 2))}});

  struct Places {
    std::string name;
    Changing changing;
    int64_t rows, columns;  // of what changes, of x [2, 4, 6]
  };
  for (const auto& [name, changing, rows, columns] :
       std::vector<Places>{{"second_half", {1, 2, 1}, 2, 6},
                           {"first_row", {1, 0, 1}, 1, 6},
                           {"odd_rows", {1, 1, 2}, 2, 6},
                           {"even_columns", {2, 0, 2}, 4, 3},
                           {"all", {}, 4, 6}})
    for (const Affine& affine : {Affine{}, Affine{true, "exp", 1.5}, Affine{true, "sigmoid", 0},
                                 Affine{true, "none", 0}, Affine{false, "exp", 0}}) {
      if (name != "second_half" && name != "even_columns" && affine.limit == 0) continue;
      const int64_t parts = affine.shift && affine.scale != "none" ? 2 : 1;
      const std::string called = text(name, "_", affine.scale, affine.limit > 0 ? "_bounded" : "",
                                      affine.shift ? "" : "_without_shift");
      // As a channels-last network leaves it, and x as a grid lies.
      const Tensor net = turned(random({2, parts, rows, columns}, 3)),
                   x = turned(random({2, 4, 6}, 4));
      const auto run = [=](bool op, bool forward) -> Function {
        return [=](const Tensors& i) -> Tensors {
          if (!op) return plain_coupling(forward, i[0], i[1], changing, affine);
          if (!forward) return {coupling_inverse(i[0], i[1], changing, affine)};
          const auto [z, log_det] = coupling(i[0], i[1], changing, affine);
          return {z, log_det};
        };
      };
      all.push_back({"coupling_" + called, run(true, true), run(false, true), {x, net}});
      all.push_back({"coupling_inverse_" + called, run(true, false), run(false, false), {x, net}});
    }

  all.push_back({"mixing",
                 [](const Tensors& i) -> Tensors { return {mixing(i[0], i[1])}; },
                 [](const Tensors& i) -> Tensors { return {torch::matmul(i[0], i[1])}; },
                 {random({5, 5}, 5), random({2, 5, 7}, 6)}});
  all.push_back({"mixing_of_what_a_squeeze_leaves",
                 [](const Tensors& i) -> Tensors { return {mixing(i[0], i[1])}; },
                 [](const Tensors& i) -> Tensors { return {torch::matmul(i[0], i[1])}; },
                 {random({4, 4}, 5).t(), random({2, 6, 4}, 6).transpose(1, 2)}});
  all.push_back({"inverse_log_det",
                 [](const Tensors& i) -> Tensors {
                   const auto [inverse, log_abs_det] = inverse_log_det(i[0]);
                   return {inverse, log_abs_det};
                 },
                 [](const Tensors& i) -> Tensors {
                   return {torch::linalg_inv(i[0]), std::get<1>(torch::linalg_slogdet(i[0]))};
                 },
                 {random({5, 5}, 7)},
                 false});
  all.push_back({"actnorm",
                 [](const Tensors& i) -> Tensors { return {actnorm(i[0], i[1], i[2])}; },
                 [](const Tensors& i) -> Tensors {
                   return {torch::exp(i[1]).unsqueeze(1) * (i[0] + i[2].unsqueeze(1))};
                 },
                 {turned(random({2, 3, 11}, 8)), random({3}, 9), random({3}, 10)}});
  all.push_back({"actnorm_inverse",
                 [](const Tensors& i) -> Tensors { return {actnorm_inverse(i[0], i[1], i[2])}; },
                 [](const Tensors& i) -> Tensors {
                   return {i[0] * torch::exp(-i[1]).unsqueeze(1) - i[2].unsqueeze(1)};
                 },
                 {random({2, 3, 11}, 8), random({3}, 9), random({3}, 10)}});
  return all;
}

class Operator : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Every, Operator, testing::ValuesIn(cases()),
                         [](const auto& one) { return one.param.name; });

// The outputs, and the gradients of one number that all of them go into.
struct Made {
  Tensors outputs, gradients;
};

Tensor number_of(const Tensors& outputs) {
  Tensor sum = torch::zeros({}, outputs[0].options());
  for (size_t i = 0; i < outputs.size(); ++i)
    sum = sum + (outputs[i] * random(outputs[i].sizes(), 20 + i, outputs[i].scalar_type())).sum();
  return sum;
}

Made made(const Function& function, const Tensors& inputs, at::ScalarType type) {
  Tensors leaves, given;
  for (const Tensor& input : inputs) {
    leaves.push_back(input.to(type).detach().requires_grad_());
    given.push_back(leaves.back());
  }
  const Tensors outputs = function(given);
  return {outputs, torch::autograd::grad({number_of(outputs)}, leaves, {}, {}, false, true)};
}

double distance(const Tensors& found, const Tensors& expected) {
  EXPECT_EQ(found.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const Tensor a = found[i].defined() ? found[i].to(at::kDouble) : torch::zeros({}, at::kDouble);
    const Tensor b = expected[i].defined() ? expected[i].to(at::kDouble) : torch::zeros_like(a);
    if (a.numel() > 0)
      worst = std::max(worst, ((a - b).abs() / (1 + b.abs())).max().item<double>());
  }
  return worst;
}

TEST_P(Operator, EqualsThePlainExpression) {
  const Case& c = GetParam();
  const Made found = made(c.op, c.inputs, at::kDouble),
             expected = made(c.plain, c.inputs, at::kDouble);
  EXPECT_LT(distance(found.outputs, expected.outputs), 1e-12);
  EXPECT_LT(distance(found.gradients, expected.gradients), 1e-12);
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(distance(c.op(c.inputs), found.outputs), 0) << "without a graph";
}

TEST_P(Operator, Float32IsAsCloseAsItsRounding) {
  const Case& c = GetParam();
  if (!c.in_float32) GTEST_SKIP() << "float64 alone";
  Tensors rounded;
  for (const Tensor& input : c.inputs) rounded.push_back(input.to(at::kFloat).to(at::kDouble));
  const Made found = made(c.op, rounded, at::kFloat),
             expected = made(c.plain, rounded, at::kDouble);
  for (const Tensor& output : found.outputs) EXPECT_EQ(output.scalar_type(), at::kFloat);
  EXPECT_LT(distance(found.outputs, expected.outputs), 3e-6);
  EXPECT_LT(distance(found.gradients, expected.gradients), 3e-5);
}

TEST_P(Operator, GradientsAreThoseOfDifferences) {
  const Case& c = GetParam();
  const Made found = made(c.op, c.inputs, at::kDouble);
  const torch::NoGradGuard no_grad;
  Tensors inputs;
  for (const Tensor& input : c.inputs) inputs.push_back(input.clone());
  const auto value = [&] { return number_of(c.op(inputs)).item<double>(); };
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor flat = inputs[i].contiguous().view({-1}).clone();
    const Tensor gradient = found.gradients[i].reshape({-1});
    for (int64_t j = 0; j < flat.numel(); ++j) {
      const auto at = [&](double moved) {
        Tensor other = flat.clone();
        other[j] += moved;
        inputs[i].copy_(other.view(inputs[i].sizes()));
        return value();
      };
      const double expected = (at(kStep) - at(-kStep)) / (2 * kStep);
      at(0);
      ASSERT_NEAR(gradient[j].item<double>(), expected, 1e-7 * std::max(1.0, std::abs(expected)))
          << "input " << i << ", element " << j;
    }
  }
}

TEST_P(Operator, ASecondDerivativeIsRefused) {
  const Case& c = GetParam();
  if (c.name == "inverse_log_det") GTEST_SKIP() << "its backward is made of plain operators";
  Tensors leaves;
  for (const Tensor& input : c.inputs) leaves.push_back(input.detach().requires_grad_());
  const auto gradients =
      torch::autograd::grad({number_of(c.op(leaves))}, leaves, {}, true, true, true);
  bool refused = false;
  try {
    Tensor sum = torch::zeros({}, at::kDouble);
    for (const Tensor& gradient : gradients) sum = sum + gradient.square().sum();
    torch::autograd::grad({sum}, leaves, {}, {}, {}, true);
  } catch (const c10::Error&) {
    refused = true;
  }
  EXPECT_TRUE(refused);
}

// As many threads as there are: the same bits.
TEST(Operators, ThreadsChangeNothing) {
  const Tensor x = random({3, 8, 9000}, 1, at::kFloat), w = random({8, 8}, 2, at::kFloat);
  const Tensor net = random({3, 2, 4, 9000}, 3, at::kFloat),
               a = random({2, 16, 9000}, 4, at::kFloat);
  const auto all = [&] {
    Tensors found;
    const auto [z, log_det] = coupling(x, net, {1, 4, 1}, {true, "exp", 2});
    const Made mixed =
        made([](const Tensors& i) -> Tensors { return {mixing(i[0], i[1])}; }, {w, x}, at::kFloat);
    const Made gated =
        made([](const Tensors& i) -> Tensors { return {gate(i[0], {})}; }, {a}, at::kFloat);
    return Tensors{z,
                   log_det,
                   mixed.outputs[0],
                   mixed.gradients[0],
                   mixed.gradients[1],
                   gated.outputs[0],
                   gated.gradients[0]};
  };
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Tensors one = all();
  at::set_num_threads(4);
  const Tensors four = all();
  at::set_num_threads(before);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(torch::equal(one[i], four[i])) << i;
}

TEST(Operators, AnItemsLogDeterminantDoesNotDependOnTheOthers) {
  const Tensor x = random({3, 4, 777}, 1, at::kFloat), net = random({3, 2, 2, 777}, 2, at::kFloat);
  const Changing changing{1, 2, 1};
  const Tensor together = coupling(x, net, changing, {}).log_det;
  for (int64_t item = 0; item < 3; ++item)
    EXPECT_TRUE(torch::equal(
        coupling(x.narrow(0, item, 1), net.narrow(0, item, 1), changing, {}).log_det[0],
        together[item]));
}

TEST(Operators, TheGateWorksIn16BitsOnTheCpu) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    const Tensor a = random({2, 6, 5}, 1).to(type), q = random({2, 6, 5}, 2).to(type);
    const auto run = [](const Tensors& i) -> Tensors { return {gate(i[0], i[1])}; };
    const Made found = made(run, {a, q}, type), expected = made(run, {a, q}, at::kDouble);
    EXPECT_EQ(found.outputs[0].scalar_type(), type);
    EXPECT_EQ(found.gradients[0].scalar_type(), type);
    EXPECT_LT(distance(found.outputs, expected.outputs), 4e-3);
    EXPECT_LT(distance(found.gradients, expected.gradients), 1e-2);
  }
}

TEST(Operators, RunWithNothingToDo) {
  const Tensor none = torch::zeros({2, 4, 0});
  EXPECT_EQ(gate(none, {}).sizes(), at::IntArrayRef({2, 2, 0}));
  const auto [z, log_det] = coupling(none, torch::zeros({2, 2, 2, 0}), {1, 2, 1}, {});
  EXPECT_EQ(z.sizes(), none.sizes());
  EXPECT_TRUE(torch::equal(log_det, torch::zeros({2})));
  EXPECT_EQ(mixing(torch::eye(4), none).sizes(), none.sizes());
  EXPECT_EQ(actnorm(none, torch::zeros({4}), torch::zeros({4})).sizes(), none.sizes());
}

TEST(Operators, OfASingularMatrixTheLogDetIsMinusInfinity) {
  const auto [inverse, log_abs_det] = inverse_log_det(torch::ones({3, 3}, at::kDouble));
  EXPECT_EQ(log_abs_det.item<double>(), -INFINITY);
  EXPECT_FALSE(torch::isfinite(inverse).all().item<bool>());
}

struct Refusal {
  std::string name, code, words;
  std::function<void()> call;
};

TEST(Operators, RefuseWhatDoesNotFit) {
  const Tensor x = torch::zeros({2, 4, 6}), net = torch::zeros({2, 2, 2, 6});
  const Changing half{1, 2, 1};
  const std::vector<Refusal> all = {
      {"an odd gate", "shape-mismatch", "even number",
       [&] {
         gate(torch::zeros({2, 5, 3}), {});
       }},
      {"another condition", "shape-mismatch", "[2, 4, 6] and [2, 4, 5]",
       [&] {
         gate(x, torch::zeros({2, 4, 5}));
       }},
      {"a condition of another type", "op-dtype", "Float, found Double",
       [&] { gate(x, x.to(at::kDouble)); }},
      {"integers", "op-dtype", "float32 or float64", [&] { gate(x.to(at::kInt), {}); }},
      {"a net of another batch", "shape-mismatch", "parts",
       [&] { coupling(x[0].unsqueeze(0), net, half, {}); }},
      {"a net without raw", "shape-mismatch", "for 2 parts",
       [&] { coupling(x, net.narrow(1, 0, 1), half, {}); }},
      {"places in the middle", "shape-mismatch", "one end",
       [&] {
         coupling(x, net, {1, 1, 1}, {});
       }},
      {"places beyond the end", "shape-mismatch", "2 places from 3",
       [&] {
         coupling_inverse(x, net, {1, 3, 1}, {});
       }},
      {"a scale that is unknown", "op-setting", "found softplus",
       [&] {
         coupling(x, net, half, {true, "softplus", 0});
       }},
      {"neither scale nor shift", "op-setting", "only with a shift",
       [&] {
         coupling(x, net, half, {false, "none", 0});
       }},
      {"16 bits in a coupling on the CPU", "op-dtype", "float32 or float64 on the CPU",
       [&] { coupling(x.to(at::kHalf), net.to(at::kHalf), half, {}); }},
      {"another matrix", "shape-mismatch", "[3, 3] and [2, 4, 6]",
       [&] {
         mixing(torch::zeros({3, 3}), x);
       }},
      {"a matrix of float64", "op-dtype", "w of type Float",
       [&] {
         mixing(torch::zeros({4, 4}, at::kDouble), x);
       }},
      {"a float32 matrix to invert", "op-dtype", "Double", [&] { inverse_log_det(torch::eye(3)); }},
      {"a matrix that is not square", "shape-mismatch", "square",
       [&] {
         inverse_log_det(torch::zeros({3, 4}, at::kDouble));
       }},
      {"scales of other channels", "shape-mismatch", "[channels]",
       [&] { actnorm(x, torch::zeros({3}), torch::zeros({4})); }}};
  for (const Refusal& refusal : all) {
    const Error error = support::thrown_by(refusal.call);
    EXPECT_EQ(error.code(), refusal.code) << refusal.name << ": " << error.what();
    EXPECT_NE(std::string(error.what()).find(refusal.words), std::string::npos)
        << refusal.name << ": " << error.what();
    EXPECT_EQ(std::string(error.what()).find("fluvox::"), 0u) << error.what();
  }
}

}  // namespace
}  // namespace fluvox::ops
