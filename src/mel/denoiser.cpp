#include "mel/denoiser.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fluvox::mel {
namespace {

using Complex = std::complex<double>;

Convention transform_of(int fft) {
  Convention c;
  c.name = "denoiser";
  c.fft = c.window = fft;
  c.hop = fft / 4;
  return c;
}

void require_audio(std::span<const float> audio, const char* what) {
  if (audio.empty())
    throw Error(Fault::input, "audio-empty", text("denoiser: the ", what, " holds no samples"));
  for (size_t i = 0; i < audio.size(); ++i)
    if (!std::isfinite(audio[i]))
      throw Error(Fault::input, "audio-not-finite",
                  text("denoiser: sample ", i, " of the ", what, " is ", audio[i]));
}

}  // namespace

Denoiser::Denoiser(int fft) : stft_(transform_of(fft)) {}

std::vector<double> Denoiser::bias_of_first_frame(std::span<const float> rendering) const {
  require_audio(rendering, "bias rendering");
  std::vector<double> buffer(static_cast<size_t>(stft_.fft())), bias;
  std::vector<Complex> spectrum(static_cast<size_t>(bins()));
  stft_.forward(rendering, 0, buffer, spectrum);
  for (const Complex& bin : spectrum) bias.push_back(std::abs(bin));
  return bias;
}

std::vector<double> Denoiser::bias_of_average(std::span<const float> rendering) const {
  require_audio(rendering, "bias rendering");
  const auto fft = static_cast<size_t>(stft_.fft());
  const size_t frames = 1 + rendering.size() / static_cast<size_t>(stft_.hop());
  std::vector<double> buffer(fft), bias(static_cast<size_t>(bins()), 0.0);
  std::vector<Complex> spectrum(bias.size());
  for (size_t frame = 0; frame < frames; ++frame) {
    stft_.forward(rendering, frame, buffer, spectrum);
    for (size_t k = 0; k < bias.size(); ++k)
      bias[k] += std::abs(spectrum[k]) / static_cast<double>(frames);
  }
  return bias;
}

std::vector<float> Denoiser::remove(std::span<const float> audio, std::span<const double> bias,
                                    std::span<const double> strength) const {
  require_audio(audio, "audio");
  const auto bins = static_cast<size_t>(stft_.bins());
  if (bias.size() != bins || strength.size() != bins)
    throw Error(Fault::usage, "denoiser-size",
                text("denoiser: expected bias and strength of ", bins, " bins, found ", bias.size(),
                     " and ", strength.size()));
  const auto fft = static_cast<size_t>(stft_.fft()), hop = static_cast<size_t>(stft_.hop()),
             pad = static_cast<size_t>(stft_.pad());
  const size_t frames = 1 + audio.size() / hop;
  const std::vector<double>& window = stft_.window();
  std::vector<double> buffer(fft), sum((frames - 1) * hop + fft, 0.0), weight(sum.size(), 0.0);
  std::vector<Complex> spectrum(bins);
  for (size_t frame = 0; frame < frames; ++frame) {
    stft_.forward(audio, frame, buffer, spectrum);
    for (size_t k = 0; k < bins; ++k) {
      const double level = std::abs(spectrum[k]);
      const double left = std::max(level - strength[k] * bias[k], 0.0);
      spectrum[k] = level > 0 ? spectrum[k] * (left / level) : Complex(0);
    }
    stft_.inverse(spectrum, buffer);
    for (size_t n = 0; n < fft; ++n) {
      sum[frame * hop + n] += window[n] * buffer[n];
      weight[frame * hop + n] += window[n] * window[n];
    }
  }
  std::vector<float> out(audio.size());
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(sum[pad + i] / weight[pad + i]);
  return out;
}

std::vector<float> Denoiser::remove(std::span<const float> audio, std::span<const double> bias,
                                    double strength) const {
  return remove(audio, bias, std::vector<double>(static_cast<size_t>(bins()), strength));
}

std::vector<double> tonal_strengths(std::span<const double> bias, double strength, int reach) {
  std::vector<double> strengths(bias.size(), 0.0);
  const auto bins = static_cast<std::ptrdiff_t>(bias.size());
  for (std::ptrdiff_t k = 0; k < bins; ++k) {
    std::vector<double> around(bias.begin() + std::max<std::ptrdiff_t>(0, k - reach),
                               bias.begin() + std::min(bins, k + reach + 1));
    const auto floor = around.begin() + static_cast<std::ptrdiff_t>(around.size() / 10);
    std::nth_element(around.begin(), floor, around.end());
    const double level = bias[static_cast<size_t>(k)];
    if (level > *floor) strengths[static_cast<size_t>(k)] = strength * (1 - *floor / level);
  }
  return strengths;
}

}  // namespace fluvox::mel
