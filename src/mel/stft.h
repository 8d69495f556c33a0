// Short-time Fourier transform in double precision; the only file that knows KissFFT.
//   X[frame][k] = sum over n < fft of window[n] * audio[frame * hop - pad + n] * exp(-2 pi i k n /
//   fft)
// Padding is fft/2 (centred) or (fft - hop)/2, by reflection about the first and last sample
// (repeated for clips shorter than the padding) or zeros. Const methods may be called by several
// threads at once, each with its own buffers.
#pragma once

#include <complex>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "mel/convention.h"

namespace fluvox::mel {

// Hann of `length`, periodic or symmetric, zeros either side of it up to `fft`.
std::vector<double> padded_window(const Convention& c);

// Where sample `index` lies when a clip of `samples` (> 0) is mirrored at its first and last sample
// for ever.
size_t reflected(std::ptrdiff_t index, size_t samples);

class Stft {
 public:
  explicit Stft(const Convention& c);
  ~Stft();
  Stft(Stft&&) noexcept;
  Stft& operator=(Stft&&) noexcept;

  int fft() const { return fft_; }
  int hop() const { return hop_; }
  int pad() const { return pad_; }
  int bins() const { return fft_ / 2 + 1; }
  const std::vector<double>& window() const { return window_; }

  // spectrum[bins()] of one frame of the audio (not empty); `buffer` has fft() values.
  void forward(std::span<const float> audio, size_t frame, std::span<double> buffer,
               std::span<std::complex<double>> spectrum) const;
  // The fft() samples whose transform is `spectrum`, without a window.
  void inverse(std::span<const std::complex<double>> spectrum, std::span<double> samples) const;

 private:
  struct Plans;
  int fft_, hop_, pad_;
  bool reflect_;
  std::vector<double> window_;
  std::unique_ptr<const Plans> plans_;
};

}  // namespace fluvox::mel
