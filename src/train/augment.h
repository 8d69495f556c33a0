// What makes a vocoder hold for voices and rooms it never heard: random level, equaliser and noise
// floor, on the samples, before their mel is taken. A model without it explodes on unheard speakers
// although its likelihood there looks normal.
//   level       peak uniform in log from 0.1 to 0.95
//   equaliser   a smooth gain over log-frequency, about +-12 dB, as a symmetric FIR (zero delay)
//   noise       white, deviation uniform in log from 1e-5 to 1e-3
#pragma once

#include <vector>

#include "train/random.h"

namespace fluvox::train {

void augment(std::vector<float>& samples, int rate, Random& random);

// A symmetric FIR of 2 half + 1 taps whose gain at equally spaced frequencies 0 .. rate / 2 is
// given.
std::vector<float> fir_from_gains(const std::vector<double>& gains, int half);
// Filtered with zero delay; beyond the ends the signal is zero.
std::vector<float> filtered(const std::vector<float>& samples, const std::vector<float>& taps);

}  // namespace fluvox::train
