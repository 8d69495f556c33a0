// Training on a GPU against training on the CPU. Skips where there is no GPU.
#include <gtest/gtest.h>

#include "flow/model_file.h"
#include "models/registry.h"
#include "support/gradients_torch.h"
#include "support/short_run.h"
#include "support/temp_folder.h"
#include "train/device.h"
#include "train/trainer.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;

class TrainingOnGpu : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
    support::write_clips(folder_ / "corpus", 6, 1.2);
    settings_ = support::short_run(folder_ / "corpus");
    settings_.model = GetParam();
    settings_.settings = models::architecture(GetParam()).tiny;
    settings_.steps = 6;
    settings_.warmup = 2;
    settings_.measure_every = 3;
    settings_.save_every = 3;
  }

  fs::path run(const std::string& name) const { return folder_.path() / name; }
  TrainOptions on(torch::Device device, bool resume = false) const {
    TrainOptions options{resume, {}, ProgressMode::none};
    options.device = device;
    return options;
  }

  support::TempFolder folder_;
  TrainSettings settings_;
};

INSTANTIATE_TEST_SUITE_P(Models, TrainingOnGpu,
                         testing::Values("compact", "waveglow", "squeezewave", "waveflow", "maf"),
                         [](const auto& one) { return one.param; });

TEST_P(TrainingOnGpu, GradientsAreThoseOfTheCpu) {
  const auto gradients = [this](const std::string& name, torch::Device device) {
    Trainer trainer(settings_, run(name), on(device));
    torch::manual_seed(7);
    auto found = trainer.gradients_at(3);
    for (auto& [tensor, gradient] : found) gradient = gradient.cpu();
    return found;
  };
  EXPECT_LT(
      support::relative_distance(gradients("gpu", torch::kCUDA), gradients("cpu", torch::kCPU)),
      1e-3);
}

TEST_P(TrainingOnGpu, ArrivesWhereTheCpuDoesAndGoesOnThere) {
  settings_.weight_norm = true;
  Trainer here(settings_, run("cpu"), on(torch::kCPU)),
      there(settings_, run("gpu"), on(torch::kCUDA));
  here.run();
  there.run();
  const double nats = here.measure().nats_per_sample;
  EXPECT_NEAR(there.measure().nats_per_sample, nats, 1e-3 * (1 + std::abs(nats)));
  settings_.steps = 9;
  Trainer on_the_cpu(settings_, run("gpu"), on(torch::kCPU, true));
  EXPECT_EQ(on_the_cpu.step(), 6);
  on_the_cpu.run();
}

TEST_P(TrainingOnGpu, MultipliesInBfloat16) {
  settings_.precision = "bf16";
  Trainer trainer(settings_, run("bf16"), on(torch::kCUDA));
  trainer.run();
  EXPECT_TRUE(std::isfinite(trainer.measure().nats_per_sample));
}

}  // namespace
}  // namespace fluvox::train
