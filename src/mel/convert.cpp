#include "mel/convert.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace fluvox::mel {
namespace {

// Two lns closer than this are the same limit: files hold float32.
constexpr double kClose = 1e-4;

// All that can be undone, set alike.
Convention without_scale(Convention c, const Convention& model) {
  c.log = model.log;
  c.floor = model.floor;
  c.gain = model.gain;
  c.offset = model.offset;
  c.clipped = model.clipped;
  c.clip_low = model.clip_low;
  c.clip_high = model.clip_high;
  c.mean = model.mean;
  c.deviation = model.deviation;
  return c;
}

}  // namespace

LogScale::LogScale(const Convention& c) : c_(c), scale_(log_scale(c)) {
  least_ = std::log(c.floor);
  most_ = std::numeric_limits<double>::infinity();
  if (!c.clipped) return;
  least_ = std::max(least_, (c.clip_low - c.offset) / scale_);
  most_ = (c.clip_high - c.offset) / scale_;
}

double LogScale::to_ln(double value, size_t band) const {
  if (!c_.mean.empty()) value = value * c_.deviation[band] + c_.mean[band];
  return (value - c_.offset) / scale_;
}

double LogScale::from_ln(double ln, size_t band) const {
  double value = scale_ * ln + c_.offset;
  if (c_.clipped) value = std::clamp(value, c_.clip_low, c_.clip_high);
  if (!c_.mean.empty()) value = (value - c_.mean[band]) / c_.deviation[band];
  return value;
}

std::string obstacle(const Convention& from, const Convention& to) {
  return describe_difference(without_scale(from, to), to);
}

Mel convert(const Mel& mel, const Convention& from, const Convention& to) {
  const std::string differs = obstacle(from, to);
  if (!differs.empty())
    throw Error(Fault::input, "mel-convention",
                text("a mel of convention '", from.name, "' cannot be turned into '", to.name,
                     "' exactly: ", differs, "; make the mel anew from the audio"));
  if (mel.bands != from.bands)
    throw Error(Fault::input, "mel-bands",
                text("the mel has ", mel.bands, " bands, expected the ", from.bands, " of '",
                     from.name, "'"));
  if (describe_difference(from, to).empty()) return mel;
  const LogScale source(from), target(to);
  Mel out = mel;
  const auto bands = static_cast<size_t>(mel.bands);
  size_t lost = 0;
  for (size_t i = 0; i < out.values.size(); ++i) {
    const size_t band = i % bands;
    const double ln = source.to_ln(mel.values[i], band);
    lost += ln <= source.least() + kClose && target.least() < source.least() - kClose;
    lost += ln >= source.most() - kClose && target.most() > source.most() + kClose;
    out.values[i] = static_cast<float>(target.from_ln(std::max(ln, target.least()), band));
  }
  if (lost > 0)
    throw Error(Fault::input, "mel-convention",
                text("a mel of convention '", from.name, "' cannot be turned into '", to.name,
                     "' exactly: ", lost, " of its ", out.values.size(),
                     " values were cut off at its floor or limits, and '", to.name,
                     "' reaches further; make the mel anew from the audio"));
  return out;
}

}  // namespace fluvox::mel
