#include "mel/mel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>

#include "core/error.h"
#include "core/threads.h"

namespace fluvox::mel {
namespace {

constexpr size_t kFramesAtOnce = 64;

}  // namespace

Mel Mel::part(int first, int count) const {
  const auto from = values.begin() + static_cast<std::ptrdiff_t>(first) * bands;
  return {count, bands, {from, from + static_cast<std::ptrdiff_t>(count) * bands}};
}

MelSource source_of(Mel mel) {
  const int frames = mel.frames, bands = mel.bands;
  return {frames, bands,
          [whole = std::make_shared<const Mel>(std::move(mel))](int first, int count) {
            return whole->part(first, count);
          }};
}

double log_scale(const Convention& c) {
  const double base = c.log == "ln" ? 1.0
                      : c.log == "log10"
                          ? std::numbers::log10e
                          : (c.quantity == "magnitude" ? 20 : 10) * std::numbers::log10e;
  return c.gain * base;
}

Analyser::Analyser(const Convention& c)
    : convention_(c),
      stft_(c),
      filters_(c),
      magnitude_(c.quantity == "magnitude"),
      log_scale_(log_scale(c)) {}

Mel Analyser::prepare(std::span<const float> audio) const {
  if (audio.empty())
    throw Error(Fault::input, "audio-empty", "the audio holds no samples, so it has no mel");
  for (size_t i = 0; i < audio.size(); ++i)
    if (!std::isfinite(audio[i]))
      throw Error(Fault::input, "audio-not-finite",
                  text("sample ", i, " of the audio is ", audio[i], ", expected a finite number"));
  const size_t frames = frame_count(convention_, audio.size());
  if (frames > static_cast<size_t>(std::numeric_limits<int>::max()))
    throw Error(Fault::input, "audio-too-long",
                text(audio.size(), " samples make more frames than one mel can hold; split them"));
  Mel mel;
  mel.frames = static_cast<int>(frames);
  mel.bands = convention_.bands;
  mel.values.resize(frames * static_cast<size_t>(mel.bands));
  return mel;
}

void Analyser::finish(const double* x, float* values) const {
  const Convention& c = convention_;
  const auto bands = static_cast<size_t>(c.bands);
  for (size_t band = 0; band < bands; ++band) {
    double value = log_scale_ * std::log(std::max(x[band], c.floor)) + c.offset;
    if (c.clipped) value = std::clamp(value, c.clip_low, c.clip_high);
    if (!c.mean.empty()) value = (value - c.mean[band]) / c.deviation[band];
    values[band] = static_cast<float>(value);
  }
}

void Analyser::frames(std::span<const float> audio, size_t first, size_t last, Mel& mel) const {
  const auto bins = static_cast<size_t>(stft_.bins()), bands = static_cast<size_t>(mel.bands);
  std::vector<double> buffer(static_cast<size_t>(stft_.fft())), level(bins), x(bands);
  std::vector<std::complex<double>> spectrum(bins);
  for (size_t frame = first; frame < last; ++frame) {
    stft_.forward(audio, frame, buffer, spectrum);
    for (size_t k = 0; k < bins; ++k) {
      const double re = spectrum[k].real(), im = spectrum[k].imag();
      level[k] = std::max(re * re + im * im + convention_.power_epsilon, convention_.power_floor);
    }
    if (magnitude_)
      for (double& value : level) value = std::sqrt(value);
    filters_.apply(level.data(), x.data());
    finish(x.data(), mel.values.data() + frame * bands);
  }
}

Mel Analyser::analyse(std::span<const float> audio) const {
  Mel mel = prepare(audio);
  frames(audio, 0, static_cast<size_t>(mel.frames), mel);
  return mel;
}

Mel Analyser::analyse(std::span<const float> audio, Threads& threads) const {
  Mel mel = prepare(audio);
  const auto all = static_cast<size_t>(mel.frames);
  threads.run(static_cast<int>((all + kFramesAtOnce - 1) / kFramesAtOnce), [&](int part) {
    const size_t first = static_cast<size_t>(part) * kFramesAtOnce;
    frames(audio, first, std::min(all, first + kFramesAtOnce), mel);
  });
  return mel;
}

Mel analyse(std::span<const float> audio, const Convention& c) {
  return Analyser(c).analyse(audio);
}

}  // namespace fluvox::mel
