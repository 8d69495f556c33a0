#include "corpus/pauses.h"

#include <algorithm>
#include <cmath>

namespace fluvox::corpus {
namespace {

constexpr double kFrame = 0.01, kMargin = 0.1;
constexpr size_t kShortestPause = 8;  // frames: shorter ones are parts of words
constexpr double kSilence = -140;     // dB, of zeros

size_t frame_length(int rate) { return static_cast<size_t>(std::lround(kFrame * rate)); }

std::vector<double> levels(std::span<const float> samples, int rate) {
  const size_t length = frame_length(rate);
  std::vector<double> all;
  for (size_t first = 0; first < samples.size(); first += length) {
    const auto frame = samples.subspan(first, std::min(length, samples.size() - first));
    double sum = 0;
    for (const float x : frame) sum += static_cast<double>(x) * x;
    all.push_back(
        std::max(kSilence, 10 * std::log10(sum / static_cast<double>(frame.size()) + 1e-30)));
  }
  return all;
}

double pause_level(std::vector<double> sorted) {
  std::sort(sorted.begin(), sorted.end());
  const double loud = sorted[(sorted.size() - 1) * 95 / 100],
               floor = sorted[(sorted.size() - 1) * 5 / 100];
  return std::clamp(floor + 0.3 * (loud - floor), loud - 50, loud - 20);
}

// The frame to cut before, among frames [from, to).
size_t best_cut(const std::vector<double>& level, double quiet, size_t from, size_t to) {
  size_t best = 0, longest = kShortestPause - 1;
  for (size_t first = from; first < to;) {
    size_t last = first;
    while (last < to && level[last] < quiet) ++last;
    if (last - first > longest) {
      longest = last - first;
      best = (first + last) / 2;
    }
    first = last + 1;
  }
  if (best > 0) return best;
  double least = 1e300;
  for (size_t k = from + 2; k + 3 <= to; ++k) {
    double power = 0;
    for (size_t i = k - 2; i <= k + 2; ++i) power += std::pow(10, level[i] / 10);
    if (power < least) {
      least = power;
      best = k;
    }
  }
  return best > 0 ? best : to;
}

}  // namespace

Piece without_silence(std::span<const float> samples, int rate) {
  if (samples.empty()) return {};
  const std::vector<double> level = levels(samples, rate);
  const double quiet = pause_level(level);
  const auto heard = [quiet](double x) { return x >= quiet; };
  const auto first = std::find_if(level.begin(), level.end(), heard);
  const auto last = std::find_if(level.rbegin(), level.rend(), heard).base();
  const size_t length = frame_length(rate), margin = static_cast<size_t>(kMargin * rate);
  const size_t begin = static_cast<size_t>(first - level.begin()) * length,
               end = static_cast<size_t>(last - level.begin()) * length;
  return {begin - std::min(begin, margin), std::min(samples.size(), end + margin)};
}

std::vector<Piece> cut_at_pauses(std::span<const float> samples, int rate, double seconds) {
  const size_t length = frame_length(rate);
  const auto most = static_cast<size_t>(seconds * rate) / length;  // frames
  const std::vector<double> level = levels(samples, rate);
  const double quiet = samples.empty() ? 0 : pause_level(level);
  std::vector<Piece> pieces;
  size_t first = 0;  // frame
  // Frames are whole but the last, so a rest of `most` frames is no longer than asked for.
  while (most > 0 && level.size() - first > most) {
    // No piece becomes shorter than a third of that, the last included.
    const size_t least = most / 3, reach = std::min(most, level.size() - first - least);
    const size_t cut = best_cut(level, quiet, first + least + 1, first + reach);
    pieces.push_back({first * length, cut * length});
    first = cut;
  }
  pieces.push_back({first * length, samples.size()});
  return pieces;
}

}  // namespace fluvox::corpus
