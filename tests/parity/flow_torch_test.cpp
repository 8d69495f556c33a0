// The flow in LibTorch as a whole: its tasks, its bases, several resolutions, and what it refuses;
// and the runtime's flow beside it where a step alone does not show it.
#include "flow/flow_torch.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/threads.h"
#include "flow/flow_runtime.h"
#include "net/weights.h"
#include "support/throws.h"
#include "train/tensors_torch.h"

namespace fluvox::flow {
namespace {

Json wn(int inputs, int outputs, int condition) {
  return {{"kind", "wn"}, {"inputs", inputs}, {"outputs", outputs},    {"channels", 4},
          {"layers", 2},  {"kernel", 3},      {"condition", condition}};
}

Json coupling(int channels, int condition, const std::string& keep = "first") {
  return {{"kind", "coupling"},
          {"channels", channels},
          {"keep", keep},
          {"net", wn(channels / 2, channels, condition)}};
}

// Two resolutions: 2 samples a row, where half of the channels leave under a learned prior, then 8.
// The condition stands at 2 samples a row and is seen folded after the second squeeze.
Spec two_resolutions() {
  Spec spec;
  spec.conditioner = {
      {"kind", "upsample"}, {"bands", 3}, {"kernel", 16}, {"hop", 16}, {"group", 2}};
  spec.steps = {{{"kind", "squeeze"}, {"group", 2}},
                {{"kind", "actnorm"}, {"channels", 2}},
                coupling(2, 6),
                coupling(2, 6, "second"),  // the prior of channel 0, given channel 1
                {{"kind", "split"}, {"channels", 1}},
                {{"kind", "squeeze"}, {"group", 4}},
                {{"kind", "invertible1x1"}, {"channels", 4}, {"form", "lu"}},
                coupling(4, 24),
                {{"kind", "scale"}, {"channels", 4}}};
  return spec;
}

Spec unconditioned(const Json& base) {
  Spec spec;
  spec.conditioner = {{"kind", "none"}, {"bands", 1}, {"hop", 4}, {"group", 4}};
  spec.steps = {{{"kind", "squeeze"}, {"group", 4}}, coupling(4, 0), coupling(4, 0, "odd")};
  spec.base = base;
  return spec;
}

std::shared_ptr<TorchFlow> build(const Spec& spec) {
  torch::manual_seed(2);
  auto flow = std::make_shared<TorchFlow>(spec);
  flow->randomise_last_layers(0.3, 5);
  flow->eval();
  return flow;
}

Tensor mel_of(const TorchFlow& flow, int64_t bands, int64_t frames) {
  return net::with_margins(torch::randn({2, bands, frames}, torch::kFloat64), flow.margins());
}

TEST(TorchFlow, SeveralResolutionsAreOneDensity) {
  const auto flow = build(two_resolutions());
  flow->to(torch::kFloat64);
  const Condition condition = flow->condition(mel_of(*flow, 3, 2));
  const Tensor x = torch::randn({2, 32}, torch::kFloat64).requires_grad_(true);
  const auto [z, log_det] = flow->inference(x, condition);
  ASSERT_EQ(z.sizes(), (std::vector<int64_t>{2, 8, 4}));
  EXPECT_LT((flow->inverse(z, condition) - x).abs().max().item<double>(), 1e-10);
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < 32; ++i)
    rows.push_back(torch::autograd::grad({z[0].reshape({-1})[i]}, {x}, {}, true)[0][0]);
  const double exact = std::get<1>(torch::linalg_slogdet(torch::stack(rows))).item<double>();
  EXPECT_NEAR(log_det[0].item<double>(), exact, 1e-9 * std::abs(exact));
  EXPECT_GT(std::abs(exact), 0.5);
}

TEST(TorchFlow, TheRuntimeHasTheSameResolutions) {
  const torch::NoGradGuard no_grad;
  const auto flow = build(two_resolutions());
  Tensors tensors;
  for (const auto& [name, tensor] : flow->tensors()) tensors[name] = train::to_host(tensor);
  net::Weights weights(tensors);
  const RuntimeFlow runtime(flow->spec(), weights);
  weights.refuse_leftovers();
  flow->to(torch::kFloat64);
  const Tensor mel = torch::randn({1, 3, 2});
  const Condition condition =
      flow->condition(net::with_margins(mel.to(torch::kFloat64), flow->margins()));
  Grid mel_grid(2, 3), x_grid(32, 1);
  const Tensor mel_rows = mel[0].t().contiguous(), x = torch::randn({1, 32});
  std::copy_n(mel_rows.data_ptr<float>(), 6, mel_grid.values.begin());
  std::copy_n(x.data_ptr<float>(), 32, x_grid.values.begin());
  Threads threads(1);
  const RuntimeCondition mine = runtime.condition(mel_grid, threads);
  const auto expected = flow->inference(x.to(torch::kFloat64), condition);
  const auto found = runtime.forward(x_grid, mine, threads);
  const Tensor z = expected.z.reshape({-1});
  ASSERT_EQ(found.z.size(), 32u);
  for (int64_t i = 0; i < 32; ++i)
    EXPECT_NEAR(found.z[static_cast<size_t>(i)], z[i].item<double>(), 1e-5) << i;
  EXPECT_NEAR(found.log_det, expected.log_det.item<double>(), 1e-5);
  const std::vector<float> back = runtime.inverse(found.z, mine, threads);
  for (size_t i = 0; i < 32; ++i) EXPECT_NEAR(back[i], x_grid.values[i], 1e-5);
}

// A coupling that keeps what stays standardises what leaves: z of the split is N(0, 1) under a
// prior N(mean(rest), sigma(rest)), and the log-density of the whole is that prior's.
TEST(TorchFlow, ACouplingBeforeASplitIsALearnedPrior) {
  const torch::NoGradGuard no_grad;
  Spec spec = two_resolutions();
  spec.steps = {{{"kind", "squeeze"}, {"group", 2}},
                coupling(2, 6, "second"),
                {{"kind", "split"}, {"channels", 1}}};
  const auto flow = build(spec);
  flow->to(torch::kFloat64);
  const Condition condition = flow->condition(mel_of(*flow, 3, 1));
  const Tensor x = torch::randn({2, 16}, torch::kFloat64);
  const Tensor pairs = x.reshape({2, 8, 2});
  const Tensor leaves = pairs.select(2, 0), stays = pairs.select(2, 1).unsqueeze(1);
  const auto step = make_torch_step(spec.steps[1], "step");
  step->to(torch::kFloat64);
  std::map<std::string, Tensor> tensors = flow->tensors();
  for (auto& p : step->named_parameters()) p.value().copy_(tensors.at("steps.1." + p.key()));
  const Tensor out = step->network()->forward(stays, condition.features);
  const Tensor sigma = torch::exp(-out.select(1, 1)), mean = -out.select(1, 0) * sigma;
  const auto log_normal = [](const Tensor& v) {
    return -0.5 * v.square() - 0.5 * std::log(2 * M_PI);
  };
  const Tensor expected = (log_normal((leaves - mean) / sigma) - torch::log(sigma)).sum(1) +
                          log_normal(stays).flatten(1).sum(1);
  EXPECT_LT((flow->log_prob(x, condition) - expected).abs().max().item<double>(), 1e-10);
}

TEST(TorchFlow, SamplesCarryTheirOwnDensity) {
  const torch::NoGradGuard no_grad;
  for (const Json& base : {Json{{"kind", "normal"}}, Json{{"kind", "logistic"}},
                           Json{{"kind", "mixture"}, {"channels", 4}, {"components", 3}}}) {
    const auto flow = build(unconditioned(base));
    flow->to(torch::kFloat64);
    const Condition condition = flow->condition(torch::zeros({2, 1, 5}, torch::kFloat64));
    const auto [x, log_prob] = flow->sample_with_log_prob(condition, 20);
    ASSERT_EQ(x.sizes(), (std::vector<int64_t>{2, 20}));
    EXPECT_LT((log_prob - flow->log_prob(x, condition)).abs().max().item<double>(), 1e-9) << base;
    // At another temperature: the density of z / sigma, stretched.
    torch::manual_seed(4);
    const auto cool = flow->sample_with_log_prob(condition, 20, 0.5);
    torch::manual_seed(4);
    EXPECT_TRUE(torch::equal(flow->sample(condition, 20, 0.5), cool.x));
    const auto [z, log_det] = flow->inference(cool.x, condition);
    torch::manual_seed(4);
    const auto warm = flow->sample_with_log_prob(condition, 20, 1);
    const auto warm_z = flow->inference(warm.x, condition);
    EXPECT_LT((z - 0.5 * warm_z.z).abs().max().item<double>(), 1e-9);
    const Tensor expected = warm.log_prob - warm_z.log_det - 20 * std::log(0.5) + log_det;
    EXPECT_LT((cool.log_prob - expected).abs().max().item<double>(), 1e-9);
  }
}

// Two of four channels at the temperature of the spec, two at that of what the mel does not see.
TEST(TorchFlow, SamplesOfTwoTemperaturesCarryTheirDensity) {
  const torch::NoGradGuard no_grad;
  Spec spec = unconditioned({{"kind", "normal"}});
  spec.sigma = 0.8;
  spec.unseen = 2;
  const auto flow = build(spec);
  flow->to(torch::kFloat64);
  const Condition condition = flow->condition(torch::zeros({2, 1, 5}, torch::kFloat64));
  torch::manual_seed(4);
  const auto cool = flow->sample_with_log_prob(condition, 20, 0.4);
  torch::manual_seed(4);
  const auto warm = flow->sample_with_log_prob(condition, 20, 1);
  const auto at_04 = flow->inference(cool.x, condition), at_1 = flow->inference(warm.x, condition);
  ASSERT_EQ(at_1.z.size(1), 4);
  const Tensor ratio = torch::tensor({0.4, 0.4, 0.5, 0.5}, torch::kFloat64).view({4, 1});
  EXPECT_LT((at_04.z - ratio * at_1.z).abs().max().item<double>(), 1e-9);
  // Five positions
  const double stretched = 5 * (2 * std::log(0.4) + 2 * std::log(0.5));
  const Tensor expected = warm.log_prob - at_1.log_det - stretched + at_04.log_det;
  EXPECT_LT((cool.log_prob - expected).abs().max().item<double>(), 1e-9);
  EXPECT_LT((warm.log_prob - flow->log_prob(warm.x, condition)).abs().max().item<double>(), 1e-9);
}

TEST(TorchFlow, TheRuntimeHasTheSameBases) {
  const torch::NoGradGuard no_grad;
  for (const Json& base : {Json{{"kind", "normal"}}, Json{{"kind", "logistic"}},
                           Json{{"kind", "mixture"}, {"channels", 4}, {"components", 3}}}) {
    torch::manual_seed(3);
    const auto mine = make_torch_base(base, "base");
    Tensors tensors;
    for (auto& p : mine->named_parameters()) {
      p.value().normal_(0, 1);
      tensors["base." + p.key()] = train::to_host(p.value());
    }
    net::Weights weights(tensors);
    net::Weights inner = weights.in("base");
    const auto runtime = make_runtime_base(base, "base", inner);
    weights.refuse_leftovers();
    const Tensor z = 2 * torch::randn({1, 4, 50});
    mine->to(torch::kFloat64);
    double found = 0;
    for (int c = 0; c < 4; ++c) found += runtime->log_density({z[0][c].data_ptr<float>(), 50}, c);
    EXPECT_NEAR(found, mine->log_density(z.to(torch::kFloat64)).item<double>(), 1e-9 * 400) << base;
    // LibTorch draws with its own generator: the first two moments agree with those by address.
    const Tensor drawn = mine->draw({1, 4, 40000}, torch::kFloat64)[0];
    for (int c = 0; c < 4; ++c) {
      std::vector<float> by_address(40000);
      runtime->draw(by_address, 1, 2, c, 0);
      const Tensor other = torch::from_blob(by_address.data(), {40000}).to(torch::kFloat64);
      const double deviation = other.std().item<double>();
      EXPECT_NEAR(drawn[c].mean().item<double>(), other.mean().item<double>(), 0.04 * deviation);
      EXPECT_NEAR(drawn[c].std().item<double>() / deviation, 1, 0.05);
    }
  }
}

TEST(TorchFlow, ActNormStartsFromTheDataOnce) {
  const torch::NoGradGuard no_grad;
  Spec spec = unconditioned({{"kind", "normal"}});
  spec.steps = {{{"kind", "squeeze"}, {"group", 4}}, {{"kind", "actnorm"}, {"channels", 4}}};
  const auto flow = build(spec);
  const Condition condition = flow->condition(torch::zeros({2, 1, 50}));
  // A small variance around a large mean, and a channel that is silent.
  Tensor x = 100 + 0.01 * torch::randn({2, 50, 4});
  x.select(2, 3).zero_();
  const Tensor audio = x.reshape({2, 200});
  EXPECT_EQ(flow->state().at("steps.1.initialised").item<float>(), 0);
  flow->initialise(audio, condition);
  EXPECT_EQ(flow->state().at("steps.1.initialised").item<float>(), 1);
  const Tensor z = flow->inference(audio, condition).z;
  for (int64_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(z.select(1, c).mean().item<double>(), 0, 2e-3);
    EXPECT_NEAR(z.select(1, c).std().item<double>(), 1, 1e-2);
  }
  EXPECT_EQ(z.select(1, 3).abs().max().item<float>(), 0);
  flow->initialise(2 * audio, condition);
  EXPECT_TRUE(torch::equal(flow->inference(audio, condition).z, z)) << "set a second time";
}

TEST(TorchFlow, BatchNormStartsFromTheDataAndFollowsIt) {
  const torch::NoGradGuard no_grad;
  Spec spec = unconditioned({{"kind", "normal"}});
  spec.steps = {{{"kind", "squeeze"}, {"group", 4}}, {{"kind", "batchnorm"}, {"channels", 4}}};
  const auto flow = build(spec);
  const Condition condition = flow->condition(torch::zeros({2, 1, 500}));
  const Tensor audio = 3 + 0.5 * torch::randn({2, 2000});
  flow->initialise(audio, condition);
  EXPECT_NEAR(flow->inference(audio, condition).z.std().item<double>(), 1, 1e-2);
  const Tensor before = flow->state().at("steps.1.running_mean").clone();
  flow->inference(audio + 1, condition);
  EXPECT_TRUE(torch::equal(flow->state().at("steps.1.running_mean"), before)) << "in evaluation";
  flow->train();
  EXPECT_NEAR(flow->inference(audio + 1, condition).z.mean().item<double>(), 0, 1e-3);
  EXPECT_LT((flow->state().at("steps.1.running_mean") - before - 0.1).abs().max().item<double>(),
            1e-3);
}

TEST(TorchFlow, StateIsSavedButNotLearned) {
  const auto flow = build(two_resolutions());
  EXPECT_TRUE(flow->state().count("steps.1.initialised"));
  EXPECT_TRUE(flow->state().count("steps.6.signs"));
  EXPECT_FALSE(flow->weights().count("steps.6.signs"));
  EXPECT_EQ(flow->tensors().size(), flow->weights().size() + flow->state().size());
  const torch::NoGradGuard no_grad;
  flow->state().at("steps.1.initialised").fill_(1);
  const auto other = build(two_resolutions());
  other->load(flow->tensors());
  EXPECT_EQ(other->state().at("steps.1.initialised").item<float>(), 1);
}

TEST(TorchFlow, RefusesByName) {
  const torch::NoGradGuard no_grad;
  const auto flow = build(two_resolutions());
  const Condition condition =
      flow->condition(net::with_margins(torch::randn({2, 3, 2}), flow->margins()));
  const auto said = [](auto call, const std::string& code) {
    const Error error = support::thrown_by(call);
    EXPECT_EQ(error.code(), code) << error.what();
    return std::string(error.what());
  };
  const auto infer = [&](const Tensor& x, const Condition& c) {
    return [&flow, x, c] { flow->inference(x, c); };
  };
  EXPECT_EQ(said(infer(torch::zeros({2, 31}), condition), "shape-mismatch"),
            "steps.0: squeeze: expected a length that is a multiple of 2, found 31");
  EXPECT_EQ(said(infer(torch::zeros({2, 36}), condition), "shape-mismatch"),
            "steps.2: expected a condition of shape [2, channels, 18], found [2, 6, 16]");
  EXPECT_EQ(said(infer(torch::zeros({1, 32}), condition), "shape-mismatch"),
            "steps.2: expected a condition of shape [1, channels, 16], found [2, 6, 16]");
  EXPECT_EQ(said(
                [&] {
                  flow->inverse(torch::zeros({2, 4, 8}), condition);
                },
                "shape-mismatch"),
            "z: expected shape [batch, 8, positions], found [2, 4, 8]");
  Tensor x = torch::zeros({2, 32});
  x[1][3] = std::nanf("");
  EXPECT_EQ(said(infer(x, condition), "not-finite"),
            "x: expected finite numbers of shape [2, 32], found 1 that are not");
  auto tensors = flow->tensors();
  tensors["steps.8.log_scale"] = torch::full({4}, INFINITY);
  EXPECT_EQ(said([&] { flow->load(tensors); }, "not-finite"),
            "tensor 'steps.8.log_scale': expected finite numbers of shape [4], found some that are "
            "not");
  flow->tensors()["steps.8.log_scale"].fill_(INFINITY);
  EXPECT_EQ(said(infer(torch::ones({2, 32}), condition), "not-finite"),
            "steps.8.log_scale: expected finite numbers of shape [4], found 4 that are not");
  flow->tensors()["steps.8.log_scale"].fill_(0);
  flow->tensors()["steps.6.lower"].fill_(std::nanf(""));
  EXPECT_NE(said(infer(torch::ones({2, 32}), condition), "matrix-singular")
                .find("steps.6: invertible1x1: expected an invertible matrix [4, 4]"),
            std::string::npos);
  EXPECT_EQ(said([&] { flow->sample_with_log_prob(condition, 32, 0); }, "sigma-invalid"),
            "sigma: expected a number above 0 for a density, found 0");
  EXPECT_NE(said(
                [&] {
                  make_torch_step({{"kind", "coupling"}, {"channels", 5}}, "steps.4");
                },
                "config-invalid")
                .find("steps.4.coupling: expected an even number of channels to halve, found 5"),
            std::string::npos);
}

TEST(TorchFlow, ASingularMatrixIsRefused) {
  const torch::NoGradGuard no_grad;
  const auto step = make_torch_step({{"kind", "invertible1x1"}, {"channels", 2}}, "steps.3");
  step->parameters()[0].fill_(1);
  for (const bool forward : {true, false}) {
    const Error error = support::thrown_by([&] {
      if (forward)
        step->forward(torch::ones({1, 2, 3}), {});
      else
        step->inverse(torch::ones({1, 2, 3}), {});
    });
    EXPECT_EQ(error.code(), "matrix-singular");
    EXPECT_EQ(std::string(error.what()).rfind("steps.3: ", 0), 0u) << error.what();
  }
}

}  // namespace
}  // namespace fluvox::flow
