// Sample rate conversion by soxr at its very high quality (linear phase, -170 dB).
//
//   n samples at rate `from` become exactly ceil(n * to / from) at rate `to`
//
// Sample k of the result lies at time k / to: no delay is left in. Beyond its ends the signal is
// zero.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fluvox::audio {

std::uint64_t resampled_length(std::uint64_t n, int from, int to);

std::vector<float> resample(std::span<const float> samples, int from, int to);

// The same in pieces: whatever the sizes of the pieces, the samples are those of resample().
class Resampler {
 public:
  Resampler(int from, int to);
  ~Resampler();
  Resampler(const Resampler&) = delete;
  Resampler& operator=(const Resampler&) = delete;

  // Appends to `out` what has become ready.
  void process(std::span<const float> samples, std::vector<float>& out);
  // Appends the rest, up to the length promised above. Nothing may follow.
  void finish(std::vector<float>& out);

 private:
  void feed(const float* samples, std::size_t count, std::vector<float>& out);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fluvox::audio
