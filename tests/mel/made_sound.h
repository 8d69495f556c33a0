// Sounds that the tests make for themselves.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace fluvox::mel::made {

// Uniform in [-1, 1) from a 64-bit linear congruential generator.
class Random {
 public:
  explicit Random(uint64_t seed = 1) : state_(seed) {}
  uint32_t bits() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<uint32_t>(state_ >> 32);
  }
  double uniform() { return bits() / 2147483648.0 - 1; }

 private:
  uint64_t state_;
};

inline std::vector<float> noise(size_t samples, double gain = 1, uint64_t seed = 1) {
  Random random(seed);
  std::vector<float> out(samples);
  for (float& value : out) value = static_cast<float>(gain * random.uniform());
  return out;
}

inline std::vector<float> tone(size_t samples, double hz, double rate, double gain) {
  std::vector<float> out(samples);
  for (size_t i = 0; i < samples; ++i)
    out[i] = static_cast<float>(
        gain * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate));
  return out;
}

// Syllables: pulses through two resonances, then a hiss, then a pause with a faint room behind it
// all.
inline std::vector<float> speech(size_t samples, double rate, double gain) {
  Random random(7);
  std::vector<float> out(samples);
  double phase = 0, y1 = 0, y2 = 0, z1 = 0, z2 = 0, last = 0;
  const auto resonator = [&](double x, double hz, double width, double& s1, double& s2) {
    const double r = std::exp(-std::numbers::pi * width / rate);
    const double y = x + 2 * r * std::cos(2 * std::numbers::pi * hz / rate) * s1 - r * r * s2;
    s2 = s1;
    s1 = y;
    return y;
  };
  for (size_t i = 0; i < samples; ++i) {
    const double t = static_cast<double>(i) / rate, place = std::fmod(t, 0.4) / 0.4;
    phase += (130 + 30 * std::sin(3 * t)) / rate;
    const double pulse = phase >= 1 ? 1 : 0;
    phase -= pulse;
    const double vowel = place < 0.5 ? std::sin(std::numbers::pi * place / 0.5) : 0;
    const double hiss = place > 0.5 && place < 0.75 ? 0.01 : 0;
    const double white = random.uniform();
    const double voiced = resonator(resonator(vowel * pulse, 600, 90, y1, y2), 1700, 140, z1, z2);
    out[i] = static_cast<float>(gain * (0.008 * voiced + hiss * (white - last) + 2e-3 * white));
    last = white;
  }
  return out;
}

}  // namespace fluvox::mel::made
