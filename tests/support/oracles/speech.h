// B8: source-filter speech, which tests a conditional vocoder from end to end. A clip is x with the
// features c of its frames, and the density of x given c is known exactly:
//   x_t = sum_k a_k(c_t) x_{t-k} + G(c_t) (pulse_t(c) + e_t),   e_t ~ N(0, 1)
//   log p(x_t | past, c) = log N(x_t; sum_k a_k x_{t-k} + G pulse_t, G^2)
//   h(x | c) = 1/2 ln(2 pi e) + E[ln G]
// Before the first sample lies silence. c_t is the frame that t lies in. The filter, an all-pole
// one of order 4, comes from reflection coefficients: a blend of three phones' (weights that sum to
// 1 and move smoothly), so |r| < 1 and every frame's filter is stable. The pulses are three
// harmonics of a phase that runs on from frame to frame at one of three pitches, and nothing where
// a frame is unvoiced.
//
// Features, as a vocoder's mel [bands][frames]:
//   0 .. 2      the phones' weights
//   3           (ln G + 3) / .7, between -1 and 1
//   4 ..        for every pitch and harmonic k: cos(k phase), sin(k phase) at the frame's start; 0
//               at the other pitches. pulse_t is then linear in its own frame's features.
#pragma once

#include "support/oracles/oracle.h"

namespace fluvox::oracles {

class SourceFilterSpeech : public Oracle {
 public:
  static constexpr int kOrder = 4, kPhones = 3, kPitches = 3, kHarmonics = 3;
  static constexpr int kBands = kPhones + 1 + 2 * kPitches * kHarmonics;

  explicit SourceFilterSpeech(int hop) : hop_(hop) {}

  Clip draw(uint64_t seed, uint64_t item, int samples) const override;
  std::vector<double> log_density(const Clip& clip) const override;

  double entropy(const Clip& clip) const;  // of x given this clip's c, per sample
  double pulse(const Clip& clip, int t) const;
  static double gain(const Clip& clip, int frame);
  // a_1 .. a_4 of a frame
  static std::vector<double> filter(const Clip& clip, int frame);

 private:
  Clip draw_features(Random& random, int frames) const;

  int hop_;
};

// The same clips, and what the features alone say of each sample: the closed-form Gaussian
//   log p(x_t | c) = log N(x_t; m_t, v_t)
// whose mean and variance are exactly those of x_t given c. A model that learns nothing from the
// samples around can do no better, so whatever beats it has.
class SpeechFromFeatures : public Oracle {
 public:
  explicit SpeechFromFeatures(int hop) : speech_(hop), hop_(hop) {}

  Clip draw(uint64_t seed, uint64_t item, int samples) const override {
    return speech_.draw(seed, item, samples);
  }
  std::vector<double> log_density(const Clip& clip) const override;

  struct Marginals {
    std::vector<double> mean, variance;  // of every sample
  };
  Marginals marginals(const Clip& clip) const;

 private:
  SourceFilterSpeech speech_;
  int hop_;
};

// The step-up recursion: reflection coefficients to prediction coefficients.
std::vector<double> prediction_from_reflection(const std::vector<double>& reflection);

}  // namespace fluvox::oracles
