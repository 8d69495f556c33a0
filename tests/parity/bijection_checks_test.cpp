// The checks of bijection.h, and the proof that they see: mutants, each a right step with one fault
// of the kind that is made, must fail the very check that the suite applies.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "parity/bijection.h"

namespace fluvox::bijection {
namespace {

double largest(const Tensor& t) {
  return t.numel() == 0 ? 0 : t.detach().abs().max().item<double>();
}

Tensor item_of(const Tensor& batch, int64_t item) {
  return batch.defined() ? batch.narrow(0, item, 1) : batch;
}

Condition item_of(const Condition& condition, int64_t item) {
  return {item_of(condition.features, item), item_of(condition.log_scale, item)};
}

// The maps of one item alone. In training the statistics are those of the batch, held by the last
// forward: only the inverse uses what is held.
Tensor forward_of(Subject& s, const Tensor& x, int64_t item) {
  return s.step->forward(x.unsqueeze(0), item_of(s.condition, item)).z.squeeze(0);
}

Tensor inverse_of(Subject& s, const Tensor& z, int64_t item) {
  return s.step->inverse(z.unsqueeze(0), item_of(s.condition, item)).squeeze(0);
}

Tensor inverse_jacobian(Subject& s, const Tensor& z, int64_t item) {
  return jacobian([&](const Tensor& v) { return inverse_of(s, v, item); }, z[item].detach());
}

Tensor forward_jacobian(Subject& s, int64_t item) {
  return jacobian([&](const Tensor& v) { return forward_of(s, v, item); }, s.x[item]);
}

}  // namespace

flow::TorchStepPtr make_step(const Row& row, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(seed);
  flow::TorchStepPtr step = flow::make_torch_step(row.step, "steps.7");
  for (Tensor& p : step->parameters())
    p.add_(torch::randn_like(p),
           p.dim() > 1 ? 0.4 / std::sqrt(static_cast<double>(p[0].numel())) : 0.2);
  for (auto& buffer : step->named_buffers()) {
    if (buffer.key().find("running_mean") != std::string::npos) buffer.value().normal_(0, 0.5);
    if (buffer.key().find("running_var") != std::string::npos) buffer.value().uniform_(0.3, 2);
  }
  step->train(row.training);
  return step;
}

Subject make_subject(const Row& row, uint64_t seed, at::ScalarType type) {
  Subject s{row, make_step(row, seed), {}, {}};
  s.step->to(type);
  s.x = torch::randn({2, row.channels, row.positions}).to(type);
  if (row.maps > 0) {
    s.condition.features = torch::randn({2, row.maps, row.positions, row.channels}).to(type);
    s.condition.log_scale = (0.5 * torch::randn({2, row.positions, row.channels})).to(type);
  } else {
    s.condition.features = torch::randn({2, row.condition, row.positions}).to(type);
  }
  return s;
}

Tensor jacobian(const std::function<Tensor(const Tensor&)>& map, const Tensor& x) {
  const Tensor at = x.detach().clone().requires_grad_(true);
  const Tensor y = map(at).reshape({-1});
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < y.numel(); ++i) {
    const Tensor row = torch::autograd::grad({y[i]}, {at}, {}, true, false, true)[0];
    rows.push_back(row.defined() ? row.reshape({-1}) : torch::zeros({at.numel()}, at.options()));
  }
  return torch::stack(rows).detach();
}

double log_det_error(Subject& s) {
  const auto [z, log_det] = s.step->forward(s.x, s.condition);
  double worst = 0;
  for (int64_t item = 0; item < 2; ++item) {
    // With the statistics of the batch held the inverse is the map; its log-determinant is minus.
    const double exact =
        s.row.training
            ? -std::get<1>(torch::linalg_slogdet(inverse_jacobian(s, z, item))).item<double>()
            : std::get<1>(torch::linalg_slogdet(forward_jacobian(s, item))).item<double>();
    const double error = std::abs(log_det[item].item<double>() - exact);
    worst = std::max(worst, error / std::max(1.0, std::abs(exact)));
  }
  return worst;
}

double inverse_log_det_error(Subject& s) {
  const torch::NoGradGuard no_grad;
  const auto [z, log_det] = s.step->forward(s.x, s.condition);
  const auto back = s.step->inverse_with_log_det(z, s.condition);
  return std::max(largest(back.x - s.x), largest(back.log_det - log_det));
}

double round_trip_error(Subject& s) {
  const torch::NoGradGuard no_grad;
  return largest(s.step->inverse(s.step->forward(s.x, s.condition).z, s.condition) - s.x);
}

double jacobian_product_error(Subject& s) {
  const Tensor z = s.step->forward(s.x, s.condition).z.detach();
  double worst = 0;
  for (int64_t item = 0; item < 2; ++item) {
    const Tensor back = inverse_jacobian(s, z, item);
    const Tensor product = torch::matmul(forward_jacobian(s, item), back);
    worst = std::max(worst, largest(product - torch::eye(product.size(0), product.options())));
  }
  return worst;
}

double forbidden_dependence(Subject& s) {
  const Tensor z = s.step->forward(s.x, s.condition).z;
  double worst = 0;
  for (int64_t item = 0; item < 2; ++item) {
    const Tensor j =
        forward_jacobian(s, item).reshape({z.size(1), z.size(2), s.row.channels, s.row.positions});
    const auto value = j.accessor<double, 4>();
    for (int64_t c = 0; c < j.size(0); ++c)
      for (int64_t t = 0; t < j.size(1); ++t)
        for (int64_t d = 0; d < j.size(2); ++d)
          for (int64_t u = 0; u < j.size(3); ++u)
            if (!s.row.may_depend(c, t, d, u)) worst = std::max(worst, std::abs(value[c][t][d][u]));
  }
  return worst;
}

double mixing_of_items(Subject& s) {
  const Tensor x = s.x.detach().clone().requires_grad_(true);
  const auto [z, log_det] = s.step->forward(x, s.condition);
  const Tensor gradient = torch::autograd::grad({z[0].sum() + log_det[0]}, {x})[0];
  const auto alone = s.step->forward(item_of(s.x, 0), item_of(s.condition, 0));
  return std::max(
      {largest(gradient[1]), largest(alone.z[0] - z[0]), largest(alone.log_det[0] - log_det[0])});
}

double gradient_error(Subject& s) {
  torch::manual_seed(77);
  const Tensor z = s.step->forward(s.x, s.condition).z.detach();
  const Tensor along_z = torch::randn_like(z), along_x = torch::randn_like(s.x);
  const Tensor along_log_det = torch::randn({2}, s.x.options());
  // A number that everything goes into, in both directions.
  const auto value = [&](const Tensor& x, const Tensor& at_z) {
    const auto result = s.step->forward(x, s.condition);
    const Tensor sum = (result.z * along_z).sum() + (result.log_det * along_log_det).sum();
    // What is held for the inverse is held: no gradient goes through it.
    if (s.row.training) return sum;
    return sum + (s.step->inverse(at_z, s.condition) * along_x).sum();
  };
  std::vector<Tensor> all = s.step->parameters();
  Tensor x = s.x.detach().clone().requires_grad_(true),
         at_z = z.clone(at::MemoryFormat::Contiguous).requires_grad_(true);
  all.push_back(x);
  all.push_back(at_z);
  const auto gradients = torch::autograd::grad({value(x, at_z)}, all, {}, {}, false, true);
  constexpr double kStep = 1e-5;
  double worst = 0;
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < all.size(); ++i) {
    const Tensor flat = all[i].view({-1});
    const Tensor found =
        gradients[i].defined() ? gradients[i].reshape({-1}) : torch::zeros_like(flat);
    for (int64_t j = 0; j < flat.numel(); ++j) {
      const double before = flat[j].item<double>();
      flat[j].fill_(before + kStep);
      const double above = value(x, at_z).item<double>();
      flat[j].fill_(before - kStep);
      const double below = value(x, at_z).item<double>();
      flat[j].fill_(before);
      const double expected = (above - below) / (2 * kStep);
      worst = std::max(
          worst, std::abs(found[j].item<double>() - expected) / std::max(1.0, std::abs(expected)));
    }
  }
  return worst;
}

double condition_effect(Subject& s) {
  const torch::NoGradGuard no_grad;
  Condition other = s.condition;
  other.features = other.features + 1;
  if (other.log_scale.defined()) other.log_scale = other.log_scale + 1;
  return largest(s.step->forward(s.x, other).z - s.step->forward(s.x, s.condition).z);
}

namespace {

// A step with one fault.
class Mutant : public TorchStep {
 public:
  explicit Mutant(flow::TorchStepPtr right) : right_(std::move(right)) {
    register_module("right", right_);
  }
  Result forward(const Tensor& x, const Condition& condition) override {
    return right_->forward(x, condition);
  }
  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return right_->inverse(z, condition);
  }

 protected:
  flow::TorchStepPtr right_;
};

struct WrongSign : Mutant {
  using Mutant::Mutant;
  Result forward(const Tensor& x, const Condition& condition) override {
    const auto [z, log_det] = right_->forward(x, condition);
    return {z, -log_det};
  }
};

struct DroppedFactorT : Mutant {
  using Mutant::Mutant;
  Result forward(const Tensor& x, const Condition& condition) override {
    const auto [z, log_det] = right_->forward(x, condition);
    return {z, log_det / x.size(2)};
  }
};

// The log-determinant of the inverse map, as if it stood at the same point.
struct WrongDirection : Mutant {
  using Mutant::Mutant;
  Result forward(const Tensor& x, const Condition& condition) override {
    const auto [z, log_det] = right_->forward(x, condition);
    return {z, right_->forward(z, condition).log_det};
  }
};

// The changed half sees itself.
struct IgnoredMask : Mutant {
  using Mutant::Mutant;
  Result forward(const Tensor& x, const Condition& condition) override {
    const auto [z, log_det] = right_->forward(x, condition);
    return {z + 0.3 * torch::sin(x.roll(1, 2)), log_det};
  }
};

struct WrongInverse : Mutant {
  using Mutant::Mutant;
  Tensor inverse(const Tensor& z, const Condition& condition) override {
    return right_->inverse(z, condition) * 1.001;
  }
};

struct LogDetOfZ : Mutant {
  using Mutant::Mutant;
  Inverted inverse_with_log_det(const Tensor& z, const Condition& condition) override {
    return {right_->inverse(z, condition), right_->forward(z, condition).log_det};
  }
};

struct NoGradient : Mutant {
  using Mutant::Mutant;
  Result forward(const Tensor& x, const Condition& condition) override {
    const auto [z, log_det] = right_->forward(x, condition);
    return {z, log_det.detach()};
  }
};

struct MixedItems : Mutant {
  using Mutant::Mutant;
  Result forward(const Tensor& x, const Condition& condition) override {
    const auto [z, log_det] = right_->forward(x, condition);
    return {z - 0.01 * x.mean(), log_det};
  }
};

struct DeafToItsCondition : Mutant {
  using Mutant::Mutant;
  Result forward(const Tensor& x, const Condition& condition) override {
    return right_->forward(x, {torch::zeros_like(condition.features), {}});
  }
};

Json small_wn(int inputs, int outputs, int condition) {
  return {{"kind", "wn"}, {"inputs", inputs}, {"outputs", outputs},    {"channels", 3},
          {"layers", 2},  {"kernel", 3},      {"condition", condition}};
}

const Row kCoupling = {"coupling",
                       {{"kind", "coupling"}, {"channels", 4}, {"net", small_wn(2, 4, 2)}},
                       4,
                       5,
                       2,
                       0,
                       false,
                       [](int64_t c, int64_t t, int64_t d, int64_t u) {
                         return d < 2 ? c >= 2 || (c == d && t == u) : c == d && t == u;
                       }};
const Row kMixing = {"mixing", {{"kind", "invertible1x1"}, {"channels", 4}}, 4, 5};
const Row kSpline = {
    "spline",
    {{"kind", "spline_coupling"}, {"channels", 4}, {"bins", 4}, {"net", small_wn(2, 22, 2)}},
    4,
    5,
    2};

constexpr double kWrong = 1e-3, kRight = 1e-9;

template <class Fault>
void expect_caught(const Row& row, double (*check)(Subject&)) {
  Subject s = make_subject(row, 3);
  EXPECT_LT(check(s), kRight) << row.name << " as it is";
  s.step = std::make_shared<Fault>(s.step);
  EXPECT_GT(check(s), kWrong) << row.name << " with a fault";
}

TEST(Mutants, AWrongSignIsCaught) {
  for (const Row& row : {kCoupling, kMixing, kSpline}) expect_caught<WrongSign>(row, log_det_error);
}

TEST(Mutants, ADroppedFactorTIsCaught) { expect_caught<DroppedFactorT>(kMixing, log_det_error); }

TEST(Mutants, TheLogDetOfTheWrongDirectionIsCaught) {
  expect_caught<WrongDirection>(kSpline, log_det_error);
  expect_caught<LogDetOfZ>(kSpline, inverse_log_det_error);
}

TEST(Mutants, AnIgnoredMaskIsCaught) {
  expect_caught<IgnoredMask>(kCoupling, forbidden_dependence);
  expect_caught<IgnoredMask>(kCoupling, log_det_error);
  expect_caught<IgnoredMask>(kCoupling, round_trip_error);
}

TEST(Mutants, AWrongInverseIsCaught) {
  expect_caught<WrongInverse>(kCoupling, round_trip_error);
  expect_caught<WrongInverse>(kCoupling, jacobian_product_error);
}

TEST(Mutants, MixedItemsAreCaught) { expect_caught<MixedItems>(kCoupling, mixing_of_items); }

TEST(Mutants, AGradientThatIsCutIsCaught) {
  Subject s = make_subject(kCoupling, 3);
  EXPECT_LT(gradient_error(s), 1e-7);
  s.step = std::make_shared<NoGradient>(s.step);
  EXPECT_GT(gradient_error(s), kWrong);
}

TEST(Mutants, AConditionThatIsNotHeardIsCaught) {
  Subject s = make_subject(kCoupling, 3);
  EXPECT_GT(condition_effect(s), kWrong);
  s.step = std::make_shared<DeafToItsCondition>(s.step);
  EXPECT_EQ(condition_effect(s), 0);
}

}  // namespace
}  // namespace fluvox::bijection
