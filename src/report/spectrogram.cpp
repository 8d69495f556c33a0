#include "report/spectrogram.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

#include "mel/stft.h"

namespace fluvox::report {
namespace {

// Windows at any place of a sound, through the STFT of mel: the samples are copied to where its
// frame 0 lies.
class Windows {
 public:
  Windows(std::span<const float> samples, int window, int fft)
      : samples_(samples),
        stft_(plain(window, fft)),
        piece_(size(fft)),
        buffer_(size(fft)),
        spectrum_(size(fft) / 2 + 1) {
    double sum = 0;
    for (const double w : stft_.window()) sum += w;
    scale_ = 4 / (sum * sum);
  }

  // Adds the power of the frame centred at a sample to power[bins].
  void add_power(double center, std::vector<double>& power) {
    const auto first = static_cast<int64_t>(std::floor(center)) - stft_.fft() / 2;
    const auto count = static_cast<int64_t>(samples_.size());
    for (size_t n = 0; n < piece_.size(); ++n) {
      const int64_t i = first + static_cast<int64_t>(n);
      const float sample = i >= 0 && i < count ? samples_[static_cast<size_t>(i)] : 0.0F;
      piece_[n] = std::isfinite(sample) ? sample : 0.0F;
    }
    stft_.forward(piece_, 0, buffer_, spectrum_);
    for (size_t k = 0; k < power.size(); ++k) power[k] += scale_ * std::norm(spectrum_[k]);
  }

 private:
  static size_t size(int fft) { return static_cast<size_t>(fft); }
  static mel::Convention plain(int window, int fft) {
    mel::Convention c;
    c.fft = c.hop = fft;  // so that uncentred frames have no padding
    c.window = window;
    c.centred = false;
    c.edge = "zero";
    return c;
  }

  std::span<const float> samples_;
  mel::Stft stft_;
  std::vector<float> piece_;
  std::vector<double> buffer_;
  std::vector<std::complex<double>> spectrum_;
  double scale_ = 1;
};

// The loudest bin of each row, or the value between two bins where a row holds none.
void to_rows(const std::vector<double>& power, double bins_a_row, int column, Raster& out) {
  const int bins = static_cast<int>(power.size());
  for (int row = 0; row < out.rows; ++row) {
    const double low = (out.rows - 1 - row) * bins_a_row, middle = low + bins_a_row / 2;
    const int first = static_cast<int>(std::ceil(low));
    const int last = std::min(static_cast<int>(std::ceil(low + bins_a_row)), bins);
    double value = 0;
    for (int bin = first; bin < last; ++bin)
      value = std::max(value, power[static_cast<size_t>(bin)]);
    if (first >= last) {
      const int below = std::min(static_cast<int>(middle), bins - 1);
      const int above = std::min(below + 1, bins - 1);
      value = std::lerp(power[static_cast<size_t>(below)], power[static_cast<size_t>(above)],
                        middle - below);
    }
    out.at(column, row) = static_cast<float>(std::max(kLeastLevel, 10 * std::log10(value + 1e-30)));
  }
}

}  // namespace

Raster spectrogram(std::span<const float> samples, int rate, const View& view) {
  Raster result(view.columns, view.rows);
  Windows windows(samples, view.window, view.fft);
  std::vector<double> power(static_cast<size_t>(view.fft) / 2 + 1);
  const double wide = view.seconds * rate / view.columns;  // samples in a column
  const double bins_a_row = view.top * view.fft / rate / view.rows;
  const int frames = static_cast<int>(std::clamp(2 * wide / view.window, 1.0, 32.0));
  const auto size = static_cast<double>(samples.size());
  for (int column = 0; column < view.columns && column * wide < size; ++column) {
    std::fill(power.begin(), power.end(), 0.0);
    for (int frame = 0; frame < frames; ++frame)
      windows.add_power(std::min((column + (frame + 0.5) / frames) * wide, size - 0.5), power);
    for (double& value : power) value /= frames;
    to_rows(power, bins_a_row, column, result);
  }
  return result;
}

int window_for(int rate) {
  int window = 256;
  while (window < 0.04 * rate && window < 16384) window *= 2;
  return window;
}

}  // namespace fluvox::report
