// Whether the values of a mel can be speech in the convention that they are said to be in. Their
// levels give away a wrong logarithm, gain or normalisation; conventions of equal levels cannot be
// told apart.
#pragma once

#include <string>

#include "mel/mel.h"

namespace fluvox::mel {

struct Plausibility {
  bool plausible = true;
  std::string likely;   // the convention, or form of its values, that fits far better, or ""
  std::string message;  // one sentence for a warning, or ""
};

// What is kept of a mel that goes by piece by piece: of a long one frames spread over it, and
// what all its values come to.
class Impression {
 public:
  explicit Impression(int frames) : frames_(frames) {}
  void add(const Mel& part);  // the frames that follow

 private:
  friend Plausibility plausibility(const Impression& mel, const Convention& c);
  bool looks_normalised() const;

  int frames_, seen_ = 0;
  Mel sample_;
  size_t count_ = 0;
  double sum_ = 0, squares_ = 0;
  float least_ = 0, most_ = 0;
};

Plausibility plausibility(const Impression& mel, const Convention& c);
Plausibility plausibility(const Mel& mel, const Convention& c);

}  // namespace fluvox::mel
