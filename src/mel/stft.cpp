#include "mel/stft.h"

#include <cmath>
#include <kissfft/kissfft.hh>
#include <numbers>

namespace fluvox::mel {

using Complex = std::complex<double>;

struct Stft::Plans {
  explicit Plans(size_t fft) : real(fft / 2, false), back(fft, true) {}
  kissfft<double> real;  // a real transform of fft samples is a complex one of half the size
  kissfft<double> back;
};

std::vector<double> padded_window(const Convention& c) {
  const auto fft = static_cast<size_t>(c.fft), length = static_cast<size_t>(c.window);
  const double period = static_cast<double>(c.window_kind == "hann" ? length : length - 1);
  std::vector<double> window(fft, 0.0);
  const size_t left = (fft - length) / 2;
  for (size_t n = 0; n < length; ++n) {
    const double turn = static_cast<double>(n) / period;
    window[left + n] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * turn);
  }
  return window;
}

size_t reflected(std::ptrdiff_t index, size_t samples) {
  if (samples == 1) return 0;
  const auto period = static_cast<std::ptrdiff_t>(2 * (samples - 1));
  std::ptrdiff_t place = index % period;
  if (place < 0) place += period;
  if (place >= static_cast<std::ptrdiff_t>(samples)) place = period - place;
  return static_cast<size_t>(place);
}

Stft::Stft(const Convention& c)
    : fft_(c.fft),
      hop_(c.hop),
      pad_(c.centred ? c.fft / 2 : (c.fft - c.hop) / 2),
      reflect_(c.edge == "reflect") {
  validate(c, "mel convention");
  window_ = padded_window(c);
  plans_ = std::make_unique<const Plans>(static_cast<size_t>(fft_));
}

Stft::~Stft() = default;
Stft::Stft(Stft&&) noexcept = default;
Stft& Stft::operator=(Stft&&) noexcept = default;

void Stft::forward(std::span<const float> audio, size_t frame, std::span<double> buffer,
                   std::span<Complex> spectrum) const {
  const auto fft = static_cast<size_t>(fft_);
  const auto start = static_cast<std::ptrdiff_t>(frame) * hop_ - pad_;
  const auto samples = static_cast<std::ptrdiff_t>(audio.size());
  if (start >= 0 && start + fft_ <= samples) {
    const float* from = audio.data() + start;
    for (size_t n = 0; n < fft; ++n) buffer[n] = window_[n] * static_cast<double>(from[n]);
  } else {
    for (size_t n = 0; n < fft; ++n) {
      const std::ptrdiff_t index = start + static_cast<std::ptrdiff_t>(n);
      const bool inside = index >= 0 && index < samples;
      const float sample = inside     ? audio[static_cast<size_t>(index)]
                           : reflect_ ? audio[reflected(index, audio.size())]
                                      : 0.0F;
      buffer[n] = window_[n] * static_cast<double>(sample);
    }
  }
  plans_->real.transform_real(buffer.data(), spectrum.data());
  // Both real ends share the first place: [0] = (X[0], X[fft/2]).
  spectrum[fft / 2] = spectrum[0].imag();
  spectrum[0] = spectrum[0].real();
}

void Stft::inverse(std::span<const Complex> spectrum, std::span<double> samples) const {
  const auto fft = static_cast<size_t>(fft_);
  std::vector<Complex> full(fft), back(fft);
  full[0] = spectrum[0].real();
  full[fft / 2] = spectrum[fft / 2].real();
  for (size_t k = 1; k < fft / 2; ++k) {
    full[k] = spectrum[k];
    full[fft - k] = std::conj(spectrum[k]);
  }
  plans_->back.transform(full.data(), back.data());
  for (size_t n = 0; n < fft; ++n) samples[n] = back[n].real() / static_cast<double>(fft_);
}

}  // namespace fluvox::mel
