// Every target (fuzz.h) on its seeds, on what fuzzing has found, and on its seeds cut short and
// damaged: what the fuzzers run by the hour, in a second and with any compiler.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "fuzz/fuzz.h"
#include "support/temp_folder.h"

namespace fluvox::fuzz {
namespace {

class Fuzz : public testing::TestWithParam<const Target*> {
 protected:
  const Target& target() const { return *GetParam(); }
};

// A corpus of refusals would test the front door alone.
TEST_P(Fuzz, SomeSeedsAreTaken) {
  int taken = 0;
  for (const std::string& seed : target().seeds()) taken += feed(target(), seed);
  EXPECT_GE(taken, 1);
}

TEST_P(Fuzz, WhatWasFoundStaysFixed) {
  const std::filesystem::path folder =
      std::filesystem::path(FLUVOX_SOURCE_DIR) / "tests/fuzz/found" / target().name;
  if (!std::filesystem::exists(folder)) return;  // nothing was found
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().filename().string());
    feed(target(), support::slurp(entry.path()));
  }
}

TEST_P(Fuzz, DamagedSeeds) {
  constexpr size_t kInputs = 200;
  std::mt19937 random(7);
  const std::vector<std::string> seeds = target().seeds();
  for (size_t i = 0; i < kInputs; ++i) {
    std::string input = seeds[i % seeds.size()];
    if (i % 4 == 0) input.resize(random() % input.size());
    for (size_t n = 0; !input.empty() && n < i % 3 + 1; ++n)
      input[random() % input.size()] = static_cast<char>(random());
    feed(target(), input);
  }
}

INSTANTIATE_TEST_SUITE_P(, Fuzz, testing::ValuesIn(kTargets),
                         [](const auto& chosen) { return std::string(chosen.param->name); });

}  // namespace
}  // namespace fluvox::fuzz
