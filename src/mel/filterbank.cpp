#include "mel/filterbank.h"

#include <algorithm>
#include <cmath>

namespace fluvox::mel {
namespace {

constexpr double kHzPerMel = 200.0 / 3.0;
constexpr double kBreakHz = 1000.0;
constexpr double kBreakMel = kBreakHz / kHzPerMel;
const double kLogStep = std::log(6.4) / 27.0;

double to_mel(double hz, bool htk) {
  if (htk) return 2595.0 * std::log10(1.0 + hz / 700.0);
  return hz < kBreakHz ? hz / kHzPerMel : kBreakMel + std::log(hz / kBreakHz) / kLogStep;
}

double to_hz(double mel, bool htk) {
  if (htk) return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0);
  return mel < kBreakMel ? mel * kHzPerMel : kBreakHz * std::exp((mel - kBreakMel) * kLogStep);
}

double bin_width(const Convention& c) { return static_cast<double>(c.sample_rate) / c.fft; }

}  // namespace

std::vector<double> band_edges(const Convention& c) {
  const bool htk = c.scale == "htk";
  const double low = to_mel(c.fmin, htk), high = to_mel(c.fmax, htk);
  std::vector<double> edges(static_cast<size_t>(c.bands) + 2);
  const double steps = static_cast<double>(c.bands) + 1;
  for (size_t i = 0; i < edges.size(); ++i)
    edges[i] = to_hz(low + (high - low) * static_cast<double>(i) / steps, htk);
  return edges;
}

Filterbank::Filterbank(const Convention& c) {
  validate(c, "mel convention");
  const std::vector<double> edges = band_edges(c);
  const double width = bin_width(c);
  const int last_bin = c.fft / 2;
  for (int band = 0; band < c.bands; ++band) {
    const double low = edges[static_cast<size_t>(band)],
                 peak = edges[static_cast<size_t>(band) + 1],
                 high = edges[static_cast<size_t>(band) + 2];
    const double height = c.norm == "slaney" ? 2.0 / (high - low) : 1.0;
    Row row;
    row.begin = weights_.size();
    const int from = std::max(0, static_cast<int>(std::floor(low / width)));
    const int to = std::min(last_bin, static_cast<int>(std::ceil(high / width)));
    for (int bin = from; bin <= to; ++bin) {
      const double hz = bin * width;
      const double weight =
          std::min((hz - low) / (peak - low), (high - hz) / (high - peak)) * height;
      if (!(weight > 0)) continue;
      if (weights_.size() == row.begin) row.first = bin;
      weights_.push_back(weight);
    }
    row.end = weights_.size();
    rows_.push_back(row);
  }
}

void Filterbank::apply(const double* in, double* out) const {
  for (size_t band = 0; band < rows_.size(); ++band) {
    const Row& row = rows_[band];
    const double* value = in + row.first;
    double sum = 0;
    for (size_t i = row.begin; i < row.end; ++i) sum += weights_[i] * *value++;
    out[band] = sum;
  }
}

double Filterbank::weight(int band, int bin) const {
  const Row& row = rows_[static_cast<size_t>(band)];
  const auto place = static_cast<std::ptrdiff_t>(bin) - row.first;
  const auto count = static_cast<std::ptrdiff_t>(row.end - row.begin);
  return place < 0 || place >= count ? 0.0 : weights_[row.begin + static_cast<size_t>(place)];
}

double Filterbank::sum(int band) const {
  const Row& row = rows_[static_cast<size_t>(band)];
  double sum = 0;
  for (size_t i = row.begin; i < row.end; ++i) sum += weights_[i];
  return sum;
}

std::vector<double> band_centres(const Convention& c) {
  const std::vector<double> edges = band_edges(c);
  return {edges.begin() + 1, edges.end() - 1};
}

std::vector<double> log_filter_sum(const Convention& c) {
  const Filterbank filters(c);
  const std::vector<double> edges = band_edges(c);
  std::vector<double> logs(static_cast<size_t>(c.bands));
  for (size_t band = 0; band < logs.size(); ++band) {
    const double sum = filters.sum(static_cast<int>(band));
    const double span = edges[band + 2] - edges[band];
    const double area = c.norm == "slaney" ? 1.0 : span / 2;
    logs[band] = std::log(sum > 0 ? sum : area / bin_width(c));
  }
  return logs;
}

}  // namespace fluvox::mel
