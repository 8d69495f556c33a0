#include "train/mel_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mel/mel.h"
#include "support/made_speech.h"

namespace fluvox::train {
namespace {

using torch::Tensor;

std::vector<float> speech(uint64_t seed) { return support::made_speech(22050, 0.4, seed); }

Tensor rows(const std::vector<std::vector<float>>& sounds) {
  std::vector<Tensor> all;
  for (const auto& sound : sounds)
    all.push_back(torch::tensor(sound, torch::kFloat32).to(torch::kFloat64));
  return torch::stack(all);
}

// The mean difference of the two analyses and that of their levels, over frames whose windows lie
// inside the sound, in nepers.
double by_analysis(const std::vector<float>& x, const std::vector<float>& y,
                   const mel::Convention& c) {
  const mel::Mel a = mel::analyse(x, c), b = mel::analyse(y, c);
  const int padding = c.centred ? c.fft / 2 : (c.fft - c.hop) / 2;
  double sum = 0, power_a = 0, power_b = 0;
  int count = 0;
  for (int frame = 0; frame < a.frames; ++frame) {
    const int begin = frame * c.hop - padding;
    if (begin < 0 || begin + c.fft > static_cast<int>(x.size())) continue;
    for (int band = 0; band < a.bands; ++band, ++count) {
      const double ln_a = a.frame(frame)[band] / mel::log_scale(c);
      const double ln_b = b.frame(frame)[band] / mel::log_scale(c);
      sum += std::abs(ln_a - ln_b);
      power_a += std::exp(2 * ln_a);
      power_b += std::exp(2 * ln_b);
    }
  }
  return sum / count + std::abs(std::log(power_a / power_b)) / 2;
}

// The product's own analysis is in double precision, by another FFT, sparse filters and paddings.
// Padding by whole hops lets its inner frames begin where those of the loss do.
TEST(MelLoss, IsTheDifferenceOfTheAnalyses) {
  for (const char* name : {"tacotron2", "hifigan"}) {
    mel::Convention c = mel::convention(name);
    c.centred = true;
    c.edge = "zero";
    const auto x = speech(1), y = speech(2);
    const double found = MelLoss(c)(rows({x}), rows({y})).item<double>();
    EXPECT_GT(found, 0.1) << name;
    EXPECT_NEAR(found, by_analysis(x, y, c), 1e-5 * found) << name;
  }
}

TEST(MelLoss, HasNoneAtTheTruthAndIsALevelsOwnMeasure) {
  const Tensor x = rows({speech(3)});
  const MelLoss loss(mel::convention("tacotron2"));
  EXPECT_EQ(loss(x, x).item<double>(), 0);
  mel::Convention deep = mel::convention("tacotron2");
  deep.floor = 1e-20;  // no band is cut off
  EXPECT_NEAR(MelLoss(deep)(2 * x, x).item<double>(), 2 * std::log(2.0),
              1e-4);  // of every band, and of all
}

TEST(MelLoss, SamplesBeyondFullScaleCost) {
  const MelLoss loss(mel::convention("tacotron2"));
  const Tensor y = rows({speech(6)});
  Tensor x = y.clone();
  x[0][5] = 1.5;  // before the first window's rise: its mel hardly tells
  Tensor within = y.clone();
  within[0][5] = 1.0;
  const double share = 1.0 / static_cast<double>(y.size(1));
  EXPECT_NEAR((loss(x, y) - loss(within, y)).item<double>(), 100 * 0.5 * share, 0.2 * 50 * share);
}

TEST(MelLoss, GradientIsThatOfDifferences) {
  const auto x = speech(4), y = speech(5);
  const MelLoss loss(mel::convention("tacotron2"));
  const Tensor wanted = rows({y});
  Tensor at = rows({x}).requires_grad_(true);
  loss(at, wanted).backward();
  const torch::NoGradGuard no_grad;
  for (int64_t sample : {600, 3000, 5000}) {
    constexpr double kStep = 1e-6;
    Tensor up = at.detach().clone(), down = at.detach().clone();
    up[0][sample] += kStep;
    down[0][sample] -= kStep;
    const double slope = (loss(up, wanted) - loss(down, wanted)).item<double>() / (2 * kStep);
    EXPECT_NEAR(at.grad()[0][sample].item<double>(), slope, 1e-4 * std::abs(slope) + 1e-7);
  }
}

}  // namespace
}  // namespace fluvox::train
