// Audio -> mel spectrogram in a given convention (mel/convention.h holds the formula). All
// arithmetic is in double precision; a frame depends on its own samples alone, so any split of the
// work gives equal bits.
//
//   Analyser analyser(convention("tacotron2"));   // plans and filters, once
//   Mel mel = analyser.analyse(samples);          // from any number of threads
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "mel/convention.h"
#include "mel/filterbank.h"
#include "mel/stft.h"

namespace fluvox {
class Threads;
}

namespace fluvox::mel {

struct Mel {
  int frames = 0;
  int bands = 0;
  std::vector<float> values;  // [frames][bands]

  std::span<const float> frame(int index) const {
    const auto width = static_cast<size_t>(bands);
    return {values.data() + static_cast<size_t>(index) * width, width};
  }
  // A copy of `count` frames from `first` on.
  Mel part(int first, int count) const;
};

// Frames where they are asked for: a long mel need not be in memory.
struct MelSource {
  int frames = 0;
  int bands = 0;
  std::function<Mel(int first, int count)> read;
};
MelSource source_of(Mel mel);  // of one that is

class Analyser {
 public:
  explicit Analyser(const Convention& c);

  const Convention& convention() const { return convention_; }
  // Audio in [-1, 1] at the convention's rate. Empty audio and values that are not finite are
  // errors.
  Mel analyse(std::span<const float> audio) const;
  // The same bits, the frames shared among threads.
  Mel analyse(std::span<const float> audio, Threads& threads) const;
  // values[bands] of a filterbank's output x[bands]: log, affine, clip, statistics.
  void finish(const double* x, float* values) const;

 private:
  Mel prepare(std::span<const float> audio) const;
  void frames(std::span<const float> audio, size_t first, size_t last, Mel& mel) const;

  Convention convention_;
  Stft stft_;
  Filterbank filters_;
  bool magnitude_;
  double log_scale_;  // gain and base: value = log_scale_ * ln(x) + offset
};

Mel analyse(std::span<const float> audio, const Convention& c);

// value = log_scale(c) * ln(x) + offset: the gain and the base of the logarithm in one.
double log_scale(const Convention& c);

}  // namespace fluvox::mel
