#include "train/mel_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

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

// How far lines at the frames' rate stand out, by sums over the samples: for each of eight parts of
// the lines below, mean of ln P(line) - ln mean P around it.
std::vector<double> tones_by_sums(const std::vector<float>& x, int hop) {
  const int away = static_cast<int>(x.size()) / hop / 2 * 2, count = away * hop;
  std::vector<std::complex<double>> turns;  // e^(-2 pi i n / count)
  for (int n = 0; n < count; ++n)
    turns.push_back(std::polar(1.0, -2 * std::numbers::pi * n / count));
  const auto power = [&](int bin) {
    std::complex<double> sum = 0;
    for (int64_t n = 0; n < count; ++n)
      sum += x[static_cast<size_t>(n)] * 0.5 * (1 - turns[static_cast<size_t>(n)].real()) *
             turns[static_cast<size_t>(n * bin % count)];
    return std::norm(sum) + 1e-10;
  };
  const int together = (hop / 2 - 1) / 8;
  std::vector<double> tones(8);
  for (int line = 1; line <= 8 * together; ++line) {
    double around = 0;
    int bins = 0;
    for (int d = -away / 2; d < away / 2; ++d)
      if (std::abs(d) > away / 16) {
        around += power(line * away + d);
        ++bins;
      }
    tones[static_cast<size_t>((line - 1) / together)] +=
        (std::log(power(line * away)) - std::log(around / bins)) / together;
  }
  return tones;
}

// When within a hop the sound is loud, by sums over the samples: for each of eight parts of the
// bins and each of eight places, ln of the mean over hops of a place's power over its hop's.
std::vector<double> pulses_by_sums(const std::vector<float>& x, int hop) {
  const int place = hop / 8, hops = ((static_cast<int>(x.size()) - 2 * place) / place + 1) / 8;
  std::vector<double> sums(64);
  for (int h = 0; h < hops; ++h)
    for (int part = 0; part < 8; ++part) {
      std::vector<double> power(8);
      double all = 0;
      for (int at = 0; at < 8; ++at) {
        for (int bin = 1 + part * (place / 8); bin < 1 + (part + 1) * (place / 8); ++bin) {
          std::complex<double> sum = 0;
          for (int n = 0; n < 2 * place; ++n) {
            const double turn = std::numbers::pi * n / place;
            sum += x[static_cast<size_t>((h * 8 + at) * place + n)] * 0.5 * (1 - std::cos(turn)) *
                   std::polar(1.0, -turn * bin);
          }
          power[static_cast<size_t>(at)] += (std::norm(sum) + 1e-10) / (place / 8);
        }
        all += power[static_cast<size_t>(at)];
      }
      for (int at = 0; at < 8; ++at)
        sums[static_cast<size_t>(part * 8 + at)] += 8 * power[static_cast<size_t>(at)] / all / hops;
    }
  for (double& sum : sums) sum = std::log(sum);
  return sums;
}

// The mean difference of the two analyses, those of their levels, lines and pulses, over
// frames whose windows lie inside the sound, in nepers.
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
  const std::vector<double> tones_a = tones_by_sums(x, c.hop), tones_b = tones_by_sums(y, c.hop);
  double lines = 0;
  for (size_t part = 0; part < 8; ++part)
    lines += std::max(tones_a[part] - tones_b[part] - 0.25, 0.0) / 8;
  const std::vector<double> pulses_a = pulses_by_sums(x, c.hop),
                            pulses_b = pulses_by_sums(y, c.hop);
  double pulses = 0;
  for (size_t i = 0; i < 64; ++i)
    pulses += std::max(std::abs(pulses_a[i] - pulses_b[i]) - 0.05, 0.0) / 64;
  return sum / count + std::abs(std::log(power_a / power_b)) / 2 + lines / 2 + pulses;
}

// The product's own analysis is in double precision, by another FFT, sparse filters and paddings.
// Padding by whole hops lets its inner frames begin where those of the loss do.
TEST(MelLoss, IsTheDifferenceOfTheAnalyses) {
  for (const char* name : {"tacotron2", "hifigan"}) {
    mel::Convention c = mel::convention(name);
    c.centred = true;
    c.edge = "zero";
    auto x = speech(1);
    const auto y = speech(2);
    for (size_t n = 7; n < x.size(); n += static_cast<size_t>(c.hop)) x[n] += 0.05f;  // a buzz
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

// A pulse in every frame at the same place: lines at all multiples of the frames' rate.
TEST(MelLoss, SoundsThatRepeatThemselvesFromFrameToFrameCost) {
  const mel::Convention c = mel::convention("tacotron2");
  const MelLoss loss(c);
  const Tensor y = rows({speech(6)});
  Tensor buzzing = y.clone(), scattered = y.clone();
  for (int64_t n = 0; n < y.size(1) / c.hop; ++n) {
    buzzing[0][n * c.hop + 7] += 0.02;
    scattered[0][n * c.hop + n * 89 % c.hop] += 0.02;
  }
  EXPECT_GT(loss(buzzing, y).item<double>(), loss(scattered, y).item<double>() + 0.5);
}

// Noise that is loud at the same time in every hop, or at random ones: a mel hardly tells them
// apart.
TEST(MelLoss, NoiseThatPulsesWithTheFramesCosts) {
  const mel::Convention c = mel::convention("tacotron2");
  const MelLoss loss(c);
  torch::manual_seed(8);
  const int64_t hops = 60, place = c.hop / 8;
  const Tensor noise = 0.05 * torch::randn({1, hops * c.hop}, torch::kFloat64);
  Tensor pulsing = noise.clone(), scattered = noise.clone();
  for (int64_t h = 0; h < hops; ++h) {
    pulsing.narrow(1, h * c.hop + 3 * place, place) *= 2;
    scattered.narrow(1, h * c.hop + h * 5 % 8 * place, place) *= 2;
  }
  EXPECT_GT(loss(pulsing, noise).item<double>(), loss(scattered, noise).item<double>() + 0.15);
}

TEST(MelLoss, GradientIsThatOfDifferences) {
  const auto x = speech(4), y = speech(5);
  const MelLoss loss(mel::convention("tacotron2"));
  const Tensor wanted = rows({y});
  Tensor at = rows({x}).requires_grad_(true);
  loss(at, wanted).backward();
  const torch::NoGradGuard no_grad;
  for (int64_t sample : {600, 3000, 5000}) {
    constexpr double kStep = 1e-7;
    Tensor up = at.detach().clone(), down = at.detach().clone();
    up[0][sample] += kStep;
    down[0][sample] -= kStep;
    const double slope = (loss(up, wanted) - loss(down, wanted)).item<double>() / (2 * kStep);
    EXPECT_NEAR(at.grad()[0][sample].item<double>(), slope, 1e-4 * std::abs(slope) + 1e-7);
  }
}

}  // namespace
}  // namespace fluvox::train
