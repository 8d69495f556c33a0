// Speech-like sound made from a seed, for tests that need something with pitch, formants, noise and
// pauses but no recording: a source-filter model. Voiced stretches are pulses through three
// resonators that glide from vowel to vowel; unvoiced ones are noise through a high resonator.
// The same arguments give the same samples. The peak is 0.5.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

namespace fluvox::support {

class MadeSpeech {
 public:
  MadeSpeech(int rate, std::uint64_t seed) : rate_(rate), seed_(seed) {}

  std::vector<float> make(double seconds) {
    const auto length = static_cast<std::size_t>(std::lround(seconds * rate_));
    std::vector<double> sound;
    sound.reserve(length);
    while (sound.size() < length) segment(sound, length);
    double peak = 1e-9;
    for (const double x : sound) peak = std::max(peak, std::fabs(x));
    std::vector<float> samples(length);
    for (std::size_t i = 0; i < length; ++i) samples[i] = static_cast<float>(0.5 * sound[i] / peak);
    return samples;
  }

 private:
  using Formants = std::array<double, 3>;

  // splitmix64, as a number in [0, 1)
  double uniform() {
    std::uint64_t z = seed_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

  double resonate(std::size_t which, double x, double hertz, double width) {
    const double r = std::exp(-std::numbers::pi * width / rate_);
    const double angle = 2 * std::numbers::pi * std::min(hertz, 0.45 * rate_) / rate_;
    const double y =
        (1 - r) * x + 2 * r * std::cos(angle) * past_[which][0] - r * r * past_[which][1];
    past_[which] = {y, past_[which][0]};
    return y;
  }

  // One sound of 60 to 240 ms: a vowel, a fricative or a pause.
  void segment(std::vector<double>& sound, std::size_t limit) {
    constexpr std::array<Formants, 5> kVowels{{{730, 1090, 2440},
                                               {270, 2290, 3010},
                                               {300, 870, 2240},
                                               {530, 1840, 2480},
                                               {570, 840, 2410}}};
    const double kind = uniform();
    const auto length = static_cast<std::size_t>((0.06 + 0.18 * uniform()) * rate_);
    const Formants goal = kVowels[static_cast<std::size_t>(uniform() * kVowels.size())];
    const double pitch_goal = 90 + 130 * uniform(), hiss = 2500 + 3000 * uniform();
    const bool voiced = kind<0.65, pause = kind> 0.85;
    for (std::size_t i = 0; i < length && sound.size() < limit; ++i) {
      const double part = static_cast<double>(i) / static_cast<double>(length);
      const double envelope = std::sin(std::numbers::pi * part);
      for (std::size_t f = 0; f < 3; ++f) formants_[f] += (goal[f] - formants_[f]) * 40 / rate_;
      pitch_ += (pitch_goal - pitch_) * 20 / rate_;
      phase_ += pitch_ / rate_;
      const bool pulse = phase_ >= 1;
      if (pulse) phase_ -= 1;
      const double noise = 2 * uniform() - 1;
      double x = voiced ? (pulse ? 1.0 : 0.0) + 0.005 * noise : 0.0;
      for (std::size_t f = 0; f < 3; ++f) {
        x = resonate(f, x, formants_[f], 60 + 30 * static_cast<double>(f)) * 8;
      }
      const double fricative = resonate(3, voiced || pause ? 0.0 : 0.3 * noise, hiss, 900);
      sound.push_back(envelope * (pause ? 0.0 : x + 0.2 * fricative) + 1e-4 * noise);
    }
  }

  int rate_;
  std::uint64_t seed_;
  double pitch_ = 120, phase_ = 0;
  Formants formants_{500, 1500, 2500};
  std::array<std::array<double, 2>, 4> past_{};
};

inline std::vector<float> made_speech(int rate, double seconds, std::uint64_t seed) {
  return MadeSpeech(rate, seed).make(seconds);
}

}  // namespace fluvox::support
