#include "core/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace fluvox {
namespace {

TEST(Nearest, FindsSlipsAndLeavesTheRest) {
  const std::vector<std::string> names{"render", "score", "info", "plot"};
  EXPECT_EQ(nearest("rendr", names), "render");
  EXPECT_EQ(nearest("plto", names), "plot");
  EXPECT_EQ(nearest("info", names), "info");
  EXPECT_EQ(nearest("completely-else", names), "");
  EXPECT_EQ(nearest("x", {}), "");
  EXPECT_EQ(did_you_mean("scor", names), " (did you mean 'score'?)");
  EXPECT_EQ(did_you_mean("qqqqqqqq", names), "");
}

}  // namespace
}  // namespace fluvox
