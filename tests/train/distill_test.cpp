#include "train/distill.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "flow/model_file.h"
#include "models/registry.h"
#include "support/oracles/student.h"
#include "support/short_run.h"
#include "support/temp_folder.h"
#include "support/throws.h"
#include "train/noise.h"
#include "train/trainer.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

Tensor number_of(double value) { return torch::full({1, 1}, value, torch::kFloat64); }

// The integral itself, by the trapezium rule.
TEST(Distill, DivergenceOfGaussiansIsTheIntegral) {
  const double m = 0.3, s = -0.5, n = -0.2, r = 0.4;
  const auto log_density = [](double x, double mean, double log_scale) {
    const double e = (x - mean) * std::exp(-log_scale);
    return -0.5 * e * e - log_scale - 0.5 * std::log(2 * M_PI);
  };
  double sum = 0;
  for (double x = -10; x < 10; x += 1e-3) {
    const double q = log_density(x, m, s);
    sum += 1e-3 * std::exp(q) * (q - log_density(x, n, r));
  }
  const auto found = [](double a, double b, double c, double d) {
    return gaussian_divergence(number_of(a), number_of(b), number_of(c), number_of(d))
        .item<double>();
  };
  EXPECT_NEAR(found(m, s, n, r), sum, 1e-9);
  EXPECT_NEAR(found(m, s, m, s), 0, 1e-15);
}

TEST(Distill, EqualSoundsHaveNoSpectralLoss) {
  torch::manual_seed(1);
  const Tensor x = torch::randn({2, 4096}, torch::kFloat64);
  EXPECT_EQ(spectral_loss(x, x).item<double>(), 0);
  // Twice as loud: the norm of the difference is that of the sound, and ln 2 everywhere.
  EXPECT_NEAR(spectral_loss(2 * x, x).item<double>(), 1 + std::log(2.0), 1e-6);
}

// Mean and scale of every sample against autograd: dx_t/dz_t is the scale, and m = x - scale z.
TEST(Distill, GaussiansAreThoseOfTheMap) {
  mel::Convention c = mel::convention("tacotron2");
  c.fft = c.window = 64;
  c.hop = 16;
  c.bands = 6;
  for (const std::string name : {"iaf", "maf"}) {
    torch::manual_seed(3);
    Json settings = models::architecture(name).tiny;
    settings["flows"] = 2;
    flow::TorchFlow flow(models::architecture(name).build(settings, c));
    flow.randomise_last_layers(0.3, 5);
    flow.to(torch::kFloat64);
    const auto exact = torch::TensorOptions(torch::kFloat64);
    const auto condition =
        flow.condition(net::with_margins(torch::randn({1, 6, 2}, exact), flow.margins()));
    Tensor z, x, mean, log_scale;
    if (name == "iaf") {
      z = torch::randn({1, 32}, exact).requires_grad_();
      const auto made = flow.drawn_gaussians(z, condition);
      x = made.x, mean = made.mean, log_scale = made.log_scale;
      const Tensor again = flow.inverse(z.unsqueeze(1), condition);
      EXPECT_LT((x - again).abs().max().item<double>(), 1e-12);
      for (int64_t t : {0, 5, 31}) {
        const Tensor slope = torch::autograd::grad({x[0][t]}, {z}, {}, true)[0][0][t];
        EXPECT_NEAR(slope.item<double>(), std::exp(log_scale[0][t].item<double>()), 1e-10);
      }
    } else {
      x = 0.3 * torch::randn({1, 32}, exact);
      const auto found = flow.gaussians_of(x, condition);
      mean = found.mean, log_scale = found.log_scale;
      const auto [noise, log_det] = flow.inference(x, condition);
      z = noise.squeeze(1);
      EXPECT_NEAR(log_det.item<double>(), -log_scale.sum().item<double>(), 1e-10);
    }
    EXPECT_LT((mean + torch::exp(log_scale) * z - x).abs().max().item<double>(), 1e-10);
    EXPECT_GT(log_scale.abs().max().item<double>(), 0.01);
  }
}

// B6: a student that sees 10 + 1 taps of an AR(1) teacher, by the closed form along its samples.
TEST(Distill, AStudentOfAnAutoregressiveProcessReachesItsFloor) {
  constexpr double kTeacher = 0.9;
  constexpr int kSeen = 10, kSamples = 512, kSteps = 400;
  at::set_num_threads(1);
  flow::Spec spec;
  spec.model = "oracle";
  spec.conditioner = {{"kind", "none"}, {"bands", 1}, {"hop", kSamples}, {"group", 1}};
  const Json net = {{"kind", "causal_wn"}, {"inputs", 1},    {"outputs", 2},
                    {"channels", 24},      {"layers", 1},    {"cycle", 1},
                    {"kernel", 1},         {"front", kSeen}, {"condition", 0}};
  spec.steps = {{{"kind", "masked"}, {"channels", 1}, {"parallel", "inverse"}, {"net", net}}};
  torch::manual_seed(1);
  flow::TorchFlow student(spec);
  const auto divergence = [&](int64_t step, int count) {
    const Tensor z = noise(1, step, 0, count, kSamples);
    const auto made = student.drawn_gaussians(z, student.condition(torch::zeros({count, 1, 1})));
    const Tensor wanted =
        kTeacher * torch::constant_pad_nd(made.x.narrow(1, 0, kSamples - 1), {1, 0});
    return gaussian_divergence(made.mean, made.log_scale, wanted, torch::zeros_like(wanted)).mean();
  };
  torch::optim::Adam adam(student.parameters(), torch::optim::AdamOptions(1e-2));
  for (int step = 0; step < kSteps; ++step) {
    for (auto& group : adam.param_groups())
      static_cast<torch::optim::AdamOptions&>(group.options())
          .lr(1e-2 * (0.5 + 0.5 * std::cos(M_PI * step / kSteps)));
    adam.zero_grad();
    divergence(step, 8).backward();
    torch::nn::utils::clip_grad_norm_(student.parameters(), 1.0);
    adam.step();
  }
  const torch::NoGradGuard no_grad;
  const double found = divergence(1000000, 64).item<double>();
  const double floor = oracles::student_floor(kTeacher, kSeen);  // 0.010271
  EXPECT_GT(found, floor - 0.002);
  EXPECT_LT(found, floor + 0.01);
}

class Distilling : public testing::Test {
 protected:
  Distilling() {
    at::set_num_threads(1);
    support::write_clips(folder_ / "corpus", 4, 0.5);
    settings_.corpora = {Json{{"path", (folder_ / "corpus").string()}, {"held_out", 1}}};
    settings_.frames = 6;
    settings_.batch = 2;
    settings_.warmup = 5;
    settings_.augment = 0;
  }
  std::string teach(const std::string& model) {
    settings_.model = model;
    settings_.settings = models::architecture(model).tiny;
    settings_.steps = 30;
    settings_.learning_rate = 0.02;
    Trainer(settings_, folder_ / "teacher", {.progress = ProgressMode::none}).run();
    return folder_ / "teacher/model.safetensors";
  }
  TrainOptions from(const std::string& teacher) {
    settings_.model = "iaf";
    settings_.settings = models::architecture("iaf").tiny;
    settings_.steps = 60;
    settings_.measure_every = 60;
    return {.progress = ProgressMode::none, .teacher = teacher};
  }

  support::TempFolder folder_;
  TrainSettings settings_;
};

TEST_F(Distilling, TheStudentComesNearerToItsTeacher) {
  const TrainOptions options = from(teach("maf"));
  settings_.stft_weight = 0;
  Trainer trainer(settings_, folder_ / "student", options);
  const double before = trainer.measure().nats_per_sample;
  trainer.run();
  const double after = trainer.measure().nats_per_sample;
  EXPECT_LT(before, 0);  // minus the divergence
  EXPECT_GT(after, 0.5 * before);
  EXPECT_LE(after, 0);
  EXPECT_EQ(flow::read_model(folder_ / "student/model.safetensors").spec.model, "iaf");
}

TEST_F(Distilling, ATeacherThatIsNoneIsRefused) {
  const TrainOptions options = from(teach("compact"));
  const Error error =
      support::thrown_by([&] { Trainer(settings_, folder_ / "student", options).gradients_at(0); });
  EXPECT_EQ(error.code(), "not-autoregressive");
}

}  // namespace
}  // namespace fluvox::train
