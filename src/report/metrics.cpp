#include "report/metrics.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <memory>
#include <numbers>

#include "core/error.h"
#include "core/median.h"
#include "mel/stft.h"
#include "report/spectrogram.h"

namespace fluvox::report {
namespace {

constexpr double kPi = std::numbers::pi;

void expect_alike(const mel::Mel& a, const mel::Mel& b) {
  if (a.frames != b.frames || a.bands != b.bands || a.frames == 0)
    throw Error(Fault::input, "mels-differ",
                text("expected two mels of one size, found ", a.frames, " frames of ", a.bands,
                     " bands and ", b.frames, " of ", b.bands));
}

// |X|^2 of every frame.
class Powers {
 public:
  Powers(std::span<const float> samples, int fft, int hop, int window) : samples_(samples) {
    mel::Convention c;
    c.fft = fft;
    c.hop = hop;
    c.window = window;
    frames_ = mel::frame_count(c, samples.size());
    stft_ = std::make_unique<mel::Stft>(c);
    buffer_.resize(static_cast<size_t>(fft));
    spectrum_.resize(static_cast<size_t>(stft_->bins()));
    power_.resize(spectrum_.size());
  }
  size_t frames() const { return frames_; }
  const std::vector<double>& frame(size_t index) {
    stft_->forward(samples_, index, buffer_, spectrum_);
    for (size_t k = 0; k < power_.size(); ++k) power_[k] = std::norm(spectrum_[k]);
    return power_;
  }

 private:
  std::span<const float> samples_;
  size_t frames_;
  std::unique_ptr<mel::Stft> stft_;
  std::vector<double> buffer_, power_;
  std::vector<std::complex<double>> spectrum_;
};

double stft_distance_at(std::span<const float> recording, std::span<const float> copy, int fft,
                        int hop, int window) {
  constexpr double kLeast = 1e-7;
  Powers a(recording, fft, hop, window), b(copy, fft, hop, window);
  double difference = 0, whole = 0, logs = 0, count = 0;
  for (size_t t = 0; t < a.frames(); ++t) {
    const std::vector<double>&of_a = a.frame(t), &of_b = b.frame(t);
    for (size_t k = 0; k < of_a.size(); ++k) {
      const double x = std::max(of_a[k], kLeast), y = std::max(of_b[k], kLeast);
      const double apart = std::sqrt(x) - std::sqrt(y);
      difference += apart * apart;
      whole += x;
      logs += 0.5 * std::abs(std::log(x / y));
      ++count;
    }
  }
  return std::sqrt(difference / whole) + logs / count;
}

}  // namespace

mel::Convention compared_mel(int rate) {
  mel::Convention c;
  c.name = "compared";
  c.sample_rate = rate;
  c.fft = c.window = window_for(rate);
  c.hop = c.fft / 4;
  c.fmax = std::min(8000.0, rate / 2.0);
  return c;
}

double log_mel_distance(const mel::Mel& a, const mel::Mel& b) {
  expect_alike(a, b);
  double sum = 0;
  for (size_t i = 0; i < a.values.size(); ++i)
    sum += std::abs(static_cast<double>(a.values[i]) - b.values[i]);
  return sum / static_cast<double>(a.values.size());
}

double mel_cepstral_distortion(const mel::Mel& recording, const mel::Mel& copy) {
  expect_alike(recording, copy);
  constexpr int kOrder = 24;
  const auto bands = static_cast<size_t>(recording.bands);
  const auto power = [&](int t) {
    double sum = 0;
    for (const float x : recording.frame(t)) sum += std::exp(2.0 * x);
    return sum;
  };
  double loudest = 0;
  for (int t = 0; t < recording.frames; ++t) loudest = std::max(loudest, power(t));
  std::vector<double> cosines(kOrder * bands);
  for (size_t m = 1; m <= kOrder; ++m)
    for (size_t b = 0; b < bands; ++b)
      cosines[(m - 1) * bands + b] =
          std::cos(kPi * static_cast<double>(m) * (static_cast<double>(b) + 0.5) /
                   static_cast<double>(bands));
  double sum = 0, count = 0;
  for (int t = 0; t < recording.frames; ++t) {
    if (power(t) < 1e-4 * loudest) continue;
    const auto x = recording.frame(t), y = copy.frame(t);
    double squares = 0;
    for (size_t m = 0; m < kOrder; ++m) {
      double c = 0;
      for (size_t b = 0; b < bands; ++b)
        c += (static_cast<double>(x[b]) - y[b]) * cosines[m * bands + b];
      c *= 2 / static_cast<double>(bands);
      squares += c * c;
    }
    sum += 10 / std::numbers::ln10 * std::sqrt(2 * squares);
    ++count;
  }
  return sum / count;
}

double stft_distance(std::span<const float> recording, std::span<const float> copy) {
  if (recording.size() != copy.size() || recording.empty())
    throw Error(Fault::input, "sounds-differ",
                text("expected two sounds of one length, found ", recording.size(), " and ",
                     copy.size(), " samples"));
  return (stft_distance_at(recording, copy, 1024, 120, 600) +
          stft_distance_at(recording, copy, 2048, 240, 1200) +
          stft_distance_at(recording, copy, 512, 50, 240)) /
         3;
}

PitchError pitch_error(const PitchTrack& recording, const PitchTrack& copy) {
  const size_t frames = std::min(recording.hertz.size(), copy.hertz.size());
  std::vector<double> cents;
  size_t differing = 0;
  for (size_t k = 0; k < frames; ++k) {
    const double f = recording.hertz[k], g = copy.hertz[k];
    if (f > 0 && g > 0) cents.push_back(std::abs(1200 * std::log2(g / f)));
    differing += (f > 0) != (g > 0);
  }
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  return {cents.empty() ? kNone : median(cents),
          frames == 0 ? kNone : static_cast<double>(differing) / static_cast<double>(frames)};
}

double tone_excess(std::span<const float> samples, int rate, int group) {
  constexpr int kPoints = 4096, kNearest = 3, kFarthest = 10;
  if (group < 4 || group > 512 || (group & (group - 1)) != 0 || rate < 1 || samples.empty())
    throw Error(
        Fault::input, "tone-group",
        text("expected sound, and a group that is a power of two from 4 to 512, found ", group));
  Powers powers(samples, kPoints, kPoints / 2, kPoints);
  std::vector<double> mean(kPoints / 2 + 1);
  // A tone that is mirrored at the ends is no tone any more: frames within the sound, where there
  // are any.
  const size_t whole = samples.size() / (kPoints / 2);
  const size_t first = whole >= 2 ? 1 : 0, last = whole >= 2 ? whole : powers.frames();
  for (size_t t = first; t < last; ++t) {
    const std::vector<double>& frame = powers.frame(t);
    for (size_t k = 0; k < mean.size(); ++k) mean[k] += frame[k];
  }
  double greatest = -std::numeric_limits<double>::infinity();
  for (int k = 1; k < group / 2; ++k) {
    const int bin = k * (kPoints / group);
    std::vector<double> around;
    for (int away = kNearest; away <= kFarthest; ++away)
      for (const int near : {bin - away, bin + away})
        if (near >= 0 && near <= kPoints / 2) around.push_back(mean[static_cast<size_t>(near)]);
    constexpr double kNothing = 1e-20;
    greatest = std::max(greatest, 10 * std::log10((mean[static_cast<size_t>(bin)] + kNothing) /
                                                  (median(around) + kNothing)));
  }
  return greatest;
}

}  // namespace fluvox::report
