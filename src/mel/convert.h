// A mel of one convention expressed in another, where that is exact: the logarithm's base, gain and
// offset, limits and statistics are undone and redone. What the filters and the transform did
// cannot be undone.
#pragma once

#include <string>

#include "mel/mel.h"

namespace fluvox::mel {

// What stands in the way of an exact conversion, "fmax 8000 against 7600", or "".
std::string obstacle(const Convention& from, const Convention& to);

// Refuses where obstacle() is not empty, and where values that `from` cut off at its floor or
// limits would show in `to`. Values are the same bits where nothing differs.
Mel convert(const Mel& mel, const Convention& from, const Convention& to);

// A value of the convention to ln(x) and back, in double: x is the filter's output.
class LogScale {
 public:
  explicit LogScale(const Convention& c);
  double to_ln(double value, size_t band) const;
  double from_ln(double ln, size_t band) const;  // without the floor, with the limits
  double least() const { return least_; }        // of ln(x), by floor and limits
  double most() const { return most_; }

 private:
  const Convention& c_;
  double scale_, least_, most_;
};

}  // namespace fluvox::mel
