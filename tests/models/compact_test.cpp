#include "models/compact.h"

#include <gtest/gtest.h>

namespace fluvox::models {
namespace {

// 256 bins to 11,025 Hz, the mel to 8,000: the first bin whose middle is beyond is (186 +
// 1/2) 43.07
TEST(Compact, CountsTheBinsAboveTheMel) {
  const mel::Convention c = mel::convention("tacotron2");
  EXPECT_EQ(spec_of(Compact{}, c).unseen, 70);
  mel::Convention whole = c;
  whole.fmax = 11025;
  EXPECT_EQ(spec_of(Compact{}, whole).unseen, 0);
}

}  // namespace
}  // namespace fluvox::models
