#include "flow/permute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/threads.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

using Table = std::vector<int>;

TEST(Permute, TheTablesAreThoseOfTheHeader) {
  EXPECT_EQ(permutation({5, "reverse"}), (Table{4, 3, 2, 1, 0}));
  EXPECT_EQ(permutation({6, "swap"}), (Table{3, 4, 5, 0, 1, 2}));
  EXPECT_EQ(permutation({6, "reverse_halves"}), (Table{2, 1, 0, 5, 4, 3}));
  EXPECT_EQ(permutation({1, "shuffle"}), (Table{0}));
}

TEST(Permute, AShuffleIsAPermutationThatItsSeedAloneDecides) {
  const Table table = permutation({64, "shuffle", 7});
  EXPECT_EQ(table, permutation({64, "shuffle", 7}));
  EXPECT_NE(table, permutation({64, "shuffle", 8}));
  EXPECT_NE(table, permutation({64, "shuffle", 7 + (int64_t{1} << 40)}));
  Table sorted = table, all(64);
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(sorted, all);
  EXPECT_NE(table, all);
}

// Entry 0 of 6 over many seeds: every place equally often, within 5 standard errors.
TEST(Permute, ShufflesAreFair) {
  std::vector<int> counts(6);
  for (int64_t seed = 0; seed < 6000; ++seed) {
    const Table table = permutation({6, "shuffle", seed});
    ++counts[static_cast<size_t>(std::find(table.begin(), table.end(), 0) - table.begin())];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 5 * 28.9);
}

TEST(Permute, MovesTheChannelsAndBack) {
  const Tensors none;
  Weights weights(none);
  Threads threads(2);
  for (const char* order : {"reverse", "swap", "reverse_halves", "shuffle"}) {
    const Permute settings{6, order, 3};
    const Table table = permutation(settings);
    const RuntimeStepPtr step = make_runtime(settings, weights);
    const Grid x = support::random_grid(700, 6, 1);
    Grid z = x;
    EXPECT_EQ(step->forward(z, {}, threads), 0);
    for (int t = 0; t < x.rows; ++t)
      for (int c = 0; c < 6; ++c)
        ASSERT_EQ(z.row(t)[c], x.row(t)[table[static_cast<size_t>(c)]]) << order;
    step->inverse(z, {}, threads);
    EXPECT_EQ(z.values, x.values);
    EXPECT_EQ(support::thrown_by([&] {
                step->fit("steps.2", {8, 5}, {});
              }).code(),
              "shape-mismatch");
  }
}

TEST(Permute, HalvesNeedAnEvenNumber) {
  EXPECT_EQ(support::thrown_by([] { permutation({5, "swap"}); }).code(), "config-invalid");
  EXPECT_EQ(support::thrown_by([] {
              permutation({5, "reverse_halves"});
            }).code(),
            "config-invalid");
}

}  // namespace
}  // namespace fluvox::flow
