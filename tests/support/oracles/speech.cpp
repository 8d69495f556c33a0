#include "support/oracles/speech.h"

#include <algorithm>
#include <array>

namespace fluvox::oracles {
namespace {

using Speech = SourceFilterSpeech;

constexpr double kRate = 8000;
constexpr double kPitch[Speech::kPitches] = {100, 125, 160};  // Hz
constexpr double kReflection[Speech::kPhones][Speech::kOrder] = {
    {0.8, -0.6, 0.2, -0.3}, {0.3, -0.7, -0.2, -0.4}, {-0.4, -0.3, 0.1, -0.2}};
constexpr int kGainBand = Speech::kPhones, kFirstPulseBand = kGainBand + 1;

double radians_a_sample(int pitch) { return 2 * std::numbers::pi * kPitch[pitch] / kRate; }

int pulse_band(int pitch, int harmonic) {
  return kFirstPulseBand + 2 * (pitch * Speech::kHarmonics + harmonic - 1);
}

}  // namespace

std::vector<double> prediction_from_reflection(const std::vector<double>& reflection) {
  std::vector<double> a;
  for (const double r : reflection) {
    std::vector<double> next(a.size() + 1, r);
    for (size_t j = 0; j < a.size(); ++j) next[j] = a[j] - r * a[a.size() - 1 - j];
    a = std::move(next);
  }
  return a;
}

Clip SourceFilterSpeech::draw_features(Random& random, int frames) const {
  Clip clip;
  clip.bands = kBands;
  clip.frames = frames;
  clip.features.assign(static_cast<size_t>(kBands) * frames, 0.0);
  int phone = random.below(kPhones), pitch = random.below(kPitches + 1);  // the last: unvoiced
  std::array<double, kPhones> weight{};
  weight[static_cast<size_t>(phone)] = 1;
  double loudness = random.normal(), phase = 2 * std::numbers::pi * random.uniform();
  for (int f = 0; f < frames; ++f) {
    for (int p = 0; p < kPhones; ++p) clip.feature(p, f) = weight[static_cast<size_t>(p)];
    clip.feature(kGainBand, f) = std::tanh(loudness);
    if (pitch < kPitches) {
      for (int k = 1; k <= kHarmonics; ++k) {
        clip.feature(pulse_band(pitch, k), f) = std::cos(k * phase);
        clip.feature(pulse_band(pitch, k) + 1, f) = std::sin(k * phase);
      }
      phase = std::fmod(phase + hop_ * radians_a_sample(pitch), 2 * std::numbers::pi);
    }
    if (random.uniform() < hop_ / 640.0) pitch = random.below(kPitches + 1);
    if (random.uniform() < hop_ / 430.0) phone = random.below(kPhones);
    for (int p = 0; p < kPhones; ++p)
      weight[static_cast<size_t>(p)] = (weight[static_cast<size_t>(p)] + (p == phone)) / 2;
    loudness = 0.9 * loudness + std::sqrt(1 - 0.81) * random.normal();
  }
  return clip;
}

double SourceFilterSpeech::gain(const Clip& clip, int frame) {
  return std::exp(0.7 * clip.feature(kGainBand, frame) - 3);
}

std::vector<double> SourceFilterSpeech::filter(const Clip& clip, int frame) {
  std::vector<double> reflection(kOrder, 0.0);
  for (int p = 0; p < kPhones; ++p)
    for (int k = 0; k < kOrder; ++k)
      reflection[static_cast<size_t>(k)] += clip.feature(p, frame) * kReflection[p][k];
  return prediction_from_reflection(reflection);
}

double SourceFilterSpeech::pulse(const Clip& clip, int t) const {
  const int frame = t / hop_, since = t % hop_;
  double sum = 0;
  for (int pitch = 0; pitch < kPitches; ++pitch)
    for (int k = 1; k <= kHarmonics; ++k) {
      const int band = pulse_band(pitch, k);
      const double turned = k * since * radians_a_sample(pitch);  // cos(k phase + turned)
      sum += clip.feature(band, frame) * std::cos(turned) -
             clip.feature(band + 1, frame) * std::sin(turned);
    }
  return sum;
}

Clip SourceFilterSpeech::draw(uint64_t seed, uint64_t item, int samples) const {
  Random random(seed, item);
  Clip clip = draw_features(random, samples / hop_);
  for (int f = 0; f < clip.frames; ++f) {
    const std::vector<double> a = filter(clip, f);
    for (int t = f * hop_; t < (f + 1) * hop_; ++t) {
      double x = gain(clip, f) * (pulse(clip, t) + random.normal());
      for (int k = 1; k <= std::min(t, kOrder); ++k)
        x += a[static_cast<size_t>(k - 1)] * clip.x[static_cast<size_t>(t - k)];
      clip.x.push_back(x);
    }
  }
  return clip;
}

std::vector<double> SourceFilterSpeech::log_density(const Clip& clip) const {
  std::vector<double> log_p;
  for (int t = 0; t < clip.frames * hop_; ++t) {
    const int f = t / hop_;
    const std::vector<double> a = filter(clip, f);
    double mean = gain(clip, f) * pulse(clip, t);
    for (int k = 1; k <= std::min(t, kOrder); ++k)
      mean += a[static_cast<size_t>(k - 1)] * clip.x[static_cast<size_t>(t - k)];
    log_p.push_back(log_normal(clip.x[static_cast<size_t>(t)], mean, gain(clip, f)));
  }
  return log_p;
}

double SourceFilterSpeech::entropy(const Clip& clip) const {
  double sum = 0;
  for (int f = 0; f < clip.frames; ++f) sum += std::log(gain(clip, f));
  return gaussian_entropy(1) + sum / clip.frames;
}

// The last four samples are a state, s_t = A s_{t-1} + (x_t's own push, 0, 0, 0), so their mean and
// covariance run along: m = A m + G pulse, V = A V A' + G^2, each for the first component alone.
SpeechFromFeatures::Marginals SpeechFromFeatures::marginals(const Clip& clip) const {
  constexpr int kOrder = SourceFilterSpeech::kOrder;
  std::array<double, kOrder> mean{};
  std::array<std::array<double, kOrder>, kOrder> covariance{};
  Marginals of;
  for (int t = 0; t < clip.frames * hop_; ++t) {
    const int f = t / hop_;
    const std::vector<double> a = SourceFilterSpeech::filter(clip, f);
    const double gain = SourceFilterSpeech::gain(clip, f);
    double m = gain * speech_.pulse(clip, t), v = gain * gain;
    std::array<double, kOrder> across{};  // of the new sample with those before it
    for (size_t j = 0; j < kOrder; ++j) {
      m += a[j] * mean[j];
      for (size_t k = 0; k < kOrder; ++k) across[j] += a[k] * covariance[k][j];
    }
    for (size_t j = 0; j < kOrder; ++j) v += a[j] * across[j];
    for (size_t j = kOrder - 1; j > 0; --j) {
      mean[j] = mean[j - 1];
      for (size_t k = kOrder - 1; k > 0; --k) covariance[j][k] = covariance[j - 1][k - 1];
    }
    mean[0] = m;
    covariance[0][0] = v;
    for (size_t j = 1; j < kOrder; ++j) covariance[0][j] = covariance[j][0] = across[j - 1];
    of.mean.push_back(m);
    of.variance.push_back(v);
  }
  return of;
}

std::vector<double> SpeechFromFeatures::log_density(const Clip& clip) const {
  const Marginals of = marginals(clip);
  std::vector<double> log_p;
  for (size_t t = 0; t < of.mean.size(); ++t)
    log_p.push_back(log_normal(clip.x[t], of.mean[t], std::sqrt(of.variance[t])));
  return log_p;
}

}  // namespace fluvox::oracles
