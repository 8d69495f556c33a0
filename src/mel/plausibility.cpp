#include "mel/plausibility.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "mel/convert.h"
#include "mel/filterbank.h"

namespace fluvox::mel {
namespace {

constexpr int kMostFrames = 3000;  // spread over a long mel; more tell no more
constexpr double kImpossible = 100;
constexpr double kUnknown = -1;  // too short, or mostly at the floor
constexpr int kFewestFrames = 40;

double quantile(std::vector<double>& values, double share) {
  const auto place = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place),
                   values.end());
  return values[place];
}

double outside(double value, double low, double high) {
  return std::max({0.0, low - value, value - high});
}

// How far the levels are from what speech gives if the mel is in convention `c`, in deviations.
// Levels are ln of the magnitude of a bin (a band without its filter's weight). Over recordings of
// a hundred speakers the loudest hundredth lies 4.8 above the median with a deviation of 0.6,
// whatever the loudness; a log10 read as ln shrinks that to 2.1, decibels or a gain to other
// multiples.
double distance(const Mel& mel, const Convention& c) {
  const LogScale scale(c);
  const std::vector<double> weight = log_filter_sum(c);
  const double half = c.quantity == "power" ? 0.5 : 1.0;
  const double loudest = std::log(c.window / 2.0);  // full scale, all of it in one bin
  std::vector<double> levels;
  size_t below = 0, above = 0, all = 0;
  for (int frame = 0; frame < mel.frames; ++frame)
    for (size_t band = 0; band < weight.size(); ++band, ++all) {
      const double ln = scale.to_ln(mel.frame(frame)[band], band);
      const double level = half * (ln - weight[band]);
      below += ln < scale.least() - 1.5;  // a predicted mel overshoots a little
      above += ln > scale.most() + 0.5 || level > loudest + 2;
      if (ln > scale.least() + 0.2) levels.push_back(level);
    }
  if (below > all / 100 || above > all / 100) return kImpossible;
  if (mel.frames < kFewestFrames || levels.size() < all / 2) return kUnknown;
  const double middle = quantile(levels, 0.5), high = quantile(levels, 0.99);
  return std::max(std::abs(high - middle - 4.8) / 0.6, outside(middle, -9, 0.5) / 0.3);
}

// What the values would be had their logarithm been taken.
Mel logarithm_of(const Mel& mel, const Convention& c) {
  Mel out = mel;
  for (float& value : out.values)
    value = static_cast<float>(std::log(std::max<double>(value, c.floor)));
  return out;
}

struct Form {
  std::string name;
  const Mel& mel;
  Convention convention;
};

// What the mel may be instead: a known convention of as many bands, or the filters of `c` with
// another use of the logarithm. Those of a name come first.
std::vector<Form> other_forms(const Mel& mel, const Mel& logarithm, const Convention& c) {
  std::vector<Form> forms;
  for (const std::string& name : names())
    if (const Convention other = convention(name); other.bands == c.bands)
      forms.push_back({name, mel, other});
  Convention plain = c;
  plain.log = "ln";
  plain.gain = 1;
  plain.offset = 0;
  plain.clipped = false;
  plain.mean = plain.deviation = {};
  if (logarithm.frames > 0)
    forms.push_back({"a " + c.quantity + " without its logarithm", logarithm, plain});
  Convention decibels = plain;
  decibels.log = "db";
  forms.push_back({"decibels", mel, decibels});
  return forms;
}

}  // namespace

void Impression::add(const Mel& part) {
  if (part.values.empty()) return;
  if (count_ == 0) least_ = most_ = part.values[0];
  for (const float value : part.values) {
    const auto wide = static_cast<double>(value);
    sum_ += wide;
    squares_ += wide * wide;
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
  }
  count_ += part.values.size();
  sample_.bands = part.bands;
  const int step = 1 + frames_ / kMostFrames;
  for (int frame = 0; frame < part.frames; ++frame, ++seen_) {
    if (seen_ % step != 0) continue;
    const auto values = part.frame(frame);
    sample_.values.insert(sample_.values.end(), values.begin(), values.end());
    ++sample_.frames;
  }
}

// Mean 0 and deviation 1: what statistics of a corpus leave.
bool Impression::looks_normalised() const {
  const auto count = static_cast<double>(count_);
  const double mean = sum_ / count;
  const double deviation = std::sqrt(std::max(0.0, squares_ / count - mean * mean));
  return std::abs(mean) < 0.5 && deviation > 0.6 && deviation < 1.5 && most_ < 8 && least_ > -8;
}

Plausibility plausibility(const Impression& mel, const Convention& c) {
  const Mel& sample = mel.sample_;
  if (sample.values.empty() || sample.bands != c.bands) return {};
  const double own = distance(sample, c);
  if (own < 2 || (!c.mean.empty() && mel.looks_normalised())) return {};
  Plausibility verdict;
  double best = 1.5;
  if (c.mean.empty() && mel.looks_normalised()) {
    verdict.likely = "a mean-variance normalised one (parallel-wavegan or espnet2)";
  } else {
    const Mel logarithm = mel.least_ < 0 ? Mel() : logarithm_of(sample, c);
    for (const Form& form : other_forms(sample, logarithm, c)) {
      const double theirs = distance(form.mel, form.convention);
      if (theirs == kUnknown || theirs >= best || own - theirs < 1) continue;
      best = theirs;
      verdict.likely = form.name;
    }
  }
  if (verdict.likely.empty() && own < kImpossible) return {};
  verdict.plausible = false;
  verdict.message = text("values from ", mel.least_, " to ", mel.most_,
                         " are not what convention '", c.name, "' gives for speech",
                         verdict.likely.empty() ? "" : "; they look like " + verdict.likely);
  return verdict;
}

Plausibility plausibility(const Mel& mel, const Convention& c) {
  Impression impression(mel.frames);
  impression.add(mel);
  return plausibility(impression, c);
}

}  // namespace fluvox::mel
