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

Plausibility plausibility(const Mel& mel, const Convention& c);

}  // namespace fluvox::mel
