#include "net/net_runtime.h"

#include <gtest/gtest.h>

#include "core/threads.h"
#include "net/weights.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

Grid counted(int rows, int columns) {
  Grid grid(rows, columns);
  for (size_t i = 0; i < grid.values.size(); ++i) grid.values[i] = static_cast<float>(i + 1);
  return grid;
}

TEST(WithMargins, PutsZerosBeyondTheEnds) {
  const Grid wide = with_margins(counted(2, 2), {2, 1, Margins::Beyond::zeros});
  EXPECT_EQ(wide.rows, 5);
  EXPECT_EQ(wide.values, (std::vector<float>{0, 0, 0, 0, 1, 2, 3, 4, 0, 0}));
}

TEST(WithMargins, RepeatsTheNearestFrame) {
  const Grid wide = with_margins(counted(2, 2), {1, 2, Margins::Beyond::nearest_frame});
  EXPECT_EQ(wide.values, (std::vector<float>{1, 2, 1, 2, 3, 4, 3, 4, 3, 4}));
}

TEST(InPieces, CoversEveryRowOnce) {
  for (int n : {1, 3}) {
    Threads threads(n);
    for (int rows : {0, 1, 9, 10, 11, 100}) {
      std::vector<int> hits(static_cast<size_t>(rows));
      in_pieces(threads, rows, 10, [&](int first, int last) {
        EXPECT_LE(last - first, 10);
        for (int t = first; t < last; ++t) ++hits[static_cast<size_t>(t)];
      });
      EXPECT_EQ(hits, std::vector<int>(static_cast<size_t>(rows), 1));
    }
  }
}

TEST(MakeRuntime, RefusesAKindThatItDoesNotKnow) {
  const Tensors none;
  Weights weights(none);
  const Error net = support::thrown_by([&] {
    make_runtime_net({{"kind", "wm"}}, "steps.2.net", weights);
  });
  EXPECT_EQ(net.code(), "spec-unknown-kind");
  EXPECT_NE(std::string(net.what()).find("steps.2.net"), std::string::npos) << net.what();
  const Error conditioner = support::thrown_by([&] {
    make_runtime_conditioner({{"kind", "wn"}}, "conditioner", weights);
  });
  EXPECT_EQ(conditioner.code(), "spec-unknown-kind");
}

}  // namespace
}  // namespace fluvox::net
