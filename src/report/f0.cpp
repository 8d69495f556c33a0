#include "report/f0.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <numbers>
#include <utility>

#include "core/error.h"
#include "core/median.h"

namespace fluvox::report {
namespace {

constexpr double kHop = 0.01, kWindow = 0.03, kLowest = 60, kHighest = 500;
// What choices cost or gain a frame, in units of r. They start from the published ones; jumps cost
// more, which on recorded speech brought gross differences from pYIN from 3.1% down to 1.1%.
constexpr double kVoicing = 0.5;     // strength of "unvoiced"
constexpr double kSilence = 0.03;    // of the loudest frame: below it, voicing loses
constexpr double kOctave = 0.01;     // for each octave lower: of equal peaks the highest wins
constexpr double kOctaveJump = 1.0;  // for each octave between neighbours
constexpr double kVoicingChange = 0.2;
constexpr size_t kShortest = 3;      // frames of a voiced stretch; shorter ones are chance
constexpr double kInaudible = 1e-4;  // a frame that never exceeds this is silent
constexpr size_t kCandidates = 6;
constexpr size_t kFramesAtOnce = 1000;  // what is low-passed at a time

// The sound below 1.2 kHz at about 7 kHz: every `factor`-th sample of a windowed-sinc filter.
class LowPass {
 public:
  LowPass(std::span<const float> samples, int rate)
      : samples_(samples), factor_(std::max(1, rate / 7000)) {
    const double cut = std::min(1200.0, 0.45 * rate) / rate;
    const int half = static_cast<int>(std::ceil(1.65 * rate / 600));
    double sum = 0;
    for (int n = -half; n <= half; ++n) {
      const double phase = 2 * std::numbers::pi * cut * n;
      const double sinc = n == 0 ? 1 : std::sin(phase) / phase;
      taps_.push_back(sinc * (0.54 + 0.46 * std::cos(std::numbers::pi * n / half)));
      sum += taps_.back();
    }
    for (double& tap : taps_) tap /= sum;
  }

  int factor() const { return factor_; }

  // Low-passed samples [first, first + count) of the lower rate. Before and after the sound its end
  // samples go on, for a step to zero would sound.
  void filter(int64_t first, std::span<double> out) const {
    const auto half = static_cast<int64_t>(taps_.size() / 2);
    const auto last = static_cast<int64_t>(samples_.size()) - 1;
    for (size_t m = 0; m < out.size(); ++m) {
      const int64_t start = (first + static_cast<int64_t>(m)) * factor_ - half;
      double sum = 0;
      for (size_t n = 0; n < taps_.size(); ++n) {
        const int64_t i = std::clamp<int64_t>(start + static_cast<int64_t>(n), 0, last);
        const float sample = samples_[static_cast<size_t>(i)];
        if (std::isfinite(sample)) sum += taps_[n] * static_cast<double>(sample);
      }
      out[m] = sum;
    }
  }

 private:
  std::span<const float> samples_;
  int factor_;
  std::vector<double> taps_;
};

struct Candidate {
  float hertz = 0;  // 0: unvoiced
  float strength = 0;
};

struct Frame {
  float peak = 0;
  uint8_t count = 0;
  std::array<Candidate, kCandidates> voiced;
};

// Four partial sums: the additions need not wait for each other.
double dot(const double* a, const double* b, size_t count) {
  double sum[4] = {};
  size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (size_t j = 0; j < 4; ++j) sum[j] += a[i + j] * b[i + j];
  for (; i < count; ++i) sum[0] += a[i] * b[i];
  return sum[0] + sum[1] + (sum[2] + sum[3]);
}

class Correlator {
 public:
  explicit Correlator(double rate)
      : rate_(rate),
        window_(static_cast<size_t>(std::lround(kWindow * rate))),
        least_(static_cast<size_t>(std::max(2.0, std::floor(rate / kHighest)))),
        most_(static_cast<size_t>(std::ceil(rate / kLowest))),
        piece_(span()),
        energy_(span() + 1),
        r_(most_ + 2) {}

  size_t span() const { return window_ + most_ + 1; }  // samples that a frame looks at

  Frame analyse(const double* samples) {
    Frame frame;
    double mean = 0;
    for (size_t i = 0; i < span(); ++i) mean += samples[i];
    mean /= static_cast<double>(span());
    double peak = 0;
    for (size_t i = 0; i < span(); ++i) {
      piece_[i] = samples[i] - mean;
      energy_[i + 1] = energy_[i] + piece_[i] * piece_[i];
      peak = std::max(peak, std::abs(piece_[i]));
    }
    frame.peak = static_cast<float>(peak);
    if (peak < kInaudible) return frame;
    for (size_t lag = least_ - 1; lag <= most_ + 1; ++lag) r_[lag] = correlation(lag);
    for (size_t lag = least_; lag <= most_; ++lag)
      if (r_[lag] > 0.25 && r_[lag] >= r_[lag - 1] && r_[lag] > r_[lag + 1]) add_peak(frame, lag);
    return frame;
  }

 private:
  double correlation(size_t lag) const {
    const size_t a = (span() - window_ - lag) / 2, b = a + lag;
    const double energy = (energy_[a + window_] - energy_[a]) * (energy_[b + window_] - energy_[b]);
    if (energy <= 0) return 0;
    return dot(&piece_[a], &piece_[b], window_) / std::sqrt(energy);
  }

  // The top of the parabola through the peak and its neighbours.
  void add_peak(Frame& frame, size_t lag) const {
    const double left = r_[lag - 1], top = r_[lag], right = r_[lag + 1];
    const double bend = left - 2 * top + right;
    const double shift = bend < 0 ? 0.5 * (left - right) / bend : 0;
    const double hertz = rate_ / (static_cast<double>(lag) + shift);
    if (hertz < 0.99 * kLowest || hertz > 1.01 * kHighest) return;
    const double height = std::min(1.0, top - 0.25 * (left - right) * shift);
    const Candidate found{static_cast<float>(hertz),
                          static_cast<float>(height + kOctave * std::log2(hertz / kLowest))};
    if (frame.count < kCandidates) {
      frame.voiced[frame.count++] = found;
      return;
    }
    const auto weakest =
        std::min_element(frame.voiced.begin(), frame.voiced.end(),
                         [](const auto& x, const auto& y) { return x.strength < y.strength; });
    if (weakest->strength < found.strength) *weakest = found;
  }

  double rate_;
  size_t window_, least_, most_;  // lags in samples
  std::vector<double> piece_, energy_, r_;
};

std::vector<Frame> analyse(std::span<const float> samples, int rate) {
  const LowPass low(samples, rate);
  const double low_rate = static_cast<double>(rate) / low.factor();
  Correlator correlator(low_rate);
  const auto count = static_cast<size_t>(static_cast<double>(samples.size()) / (kHop * rate)) + 1;
  const auto start = [&](size_t frame) {
    return std::llround(static_cast<double>(frame) * kHop * low_rate -
                        static_cast<double>(correlator.span()) / 2);
  };
  std::vector<Frame> frames;
  frames.reserve(count);
  std::vector<double> block;
  for (size_t first = 0; first < count; first += kFramesAtOnce) {
    const size_t last = std::min(count, first + kFramesAtOnce);
    block.resize(static_cast<size_t>(start(last - 1) - start(first)) + correlator.span());
    low.filter(start(first), block);
    for (size_t frame = first; frame < last; ++frame)
      frames.push_back(
          correlator.analyse(&block[static_cast<size_t>(start(frame) - start(first))]));
  }
  return frames;
}

double change_cost(float from, float to) {
  if (from == 0 && to == 0) return 0;
  if (from == 0 || to == 0) return kVoicingChange;
  return kOctaveJump * std::abs(std::log2(to / from));
}

// The path of the highest total strength less its costs. State 0 of a frame is "unvoiced".
std::vector<float> best_path(const std::vector<Frame>& frames) {
  constexpr size_t kStates = kCandidates + 1;
  double loudest = kInaudible;
  for (const Frame& frame : frames) loudest = std::max<double>(loudest, frame.peak);
  std::vector<std::array<uint8_t, kStates>> from(frames.size());
  std::array<double, kStates> total{}, before{};
  const auto hertz = [&](size_t frame, size_t state) {
    return state == 0 ? 0.0F : frames[frame].voiced[state - 1].hertz;
  };
  for (size_t k = 0; k < frames.size(); ++k) {
    const Frame& frame = frames[k];
    const double quiet = frame.peak / loudest * (1 + kVoicing) / kSilence;
    for (size_t state = 0; state <= frame.count; ++state) {
      const double strength = state == 0 ? kVoicing + std::max(0.0, 2 - quiet)
                                         : static_cast<double>(frame.voiced[state - 1].strength);
      double best = 0;
      for (size_t past = 0; k > 0 && past <= frames[k - 1].count; ++past) {
        const double way = before[past] - change_cost(hertz(k - 1, past), hertz(k, state));
        if (past == 0 || way > best) {
          best = way;
          from[k][state] = static_cast<uint8_t>(past);
        }
      }
      total[state] = best + strength;
    }
    before = total;
  }
  std::vector<float> track(frames.size());
  size_t state = 0;
  for (size_t k = frames.size(); k-- > 0;) {
    if (k + 1 == frames.size())
      for (size_t s = 1; s <= frames[k].count; ++s) state = before[s] > before[state] ? s : state;
    track[k] = hertz(k, state);
    state = from[k][state];
  }
  return track;
}

void drop_short_stretches(std::vector<float>& track) {
  for (size_t first = 0; first < track.size();) {
    size_t last = first;
    while (last < track.size() && track[last] > 0) ++last;
    if (last - first < kShortest) std::fill(&track[first], track.data() + last, 0.0F);
    first = last + 1;
  }
}

}  // namespace

PitchTrack track_pitch(std::span<const float> samples, int rate) {
  if (rate < 2000 || rate > 768000)
    throw Error(
        Fault::input, "pitch-rate",
        text("expected a sampling rate of 2000 to 768000 Hz to find a pitch, found ", rate));
  PitchTrack track;
  track.hop = kHop;
  if (!samples.empty()) track.hertz = best_path(analyse(samples, rate));
  drop_short_stretches(track.hertz);
  return track;
}

double median_pitch(const PitchTrack& track) {
  std::vector<float> voiced;
  std::copy_if(track.hertz.begin(), track.hertz.end(), std::back_inserter(voiced),
               [](float hertz) { return hertz > 0; });
  return voiced.empty() ? 0 : median(std::move(voiced));
}

double voiced_share(const PitchTrack& track) {
  if (track.hertz.empty()) return 0;
  const auto unvoiced = std::count(track.hertz.begin(), track.hertz.end(), 0.0F);
  return 1 - static_cast<double>(unvoiced) / static_cast<double>(track.hertz.size());
}

PitchTrack coarser(const PitchTrack& track, size_t frames) {
  PitchTrack result;
  result.hop = track.hop * static_cast<double>(frames);
  for (size_t first = 0; first < track.hertz.size(); first += frames) {
    PitchTrack part;
    const size_t last = std::min(first + frames, track.hertz.size());
    part.hertz.assign(track.hertz.begin() + static_cast<std::ptrdiff_t>(first),
                      track.hertz.begin() + static_cast<std::ptrdiff_t>(last));
    result.hertz.push_back(static_cast<float>(median_pitch(part)));
  }
  return result;
}

}  // namespace fluvox::report
