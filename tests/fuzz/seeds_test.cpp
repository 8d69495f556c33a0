// Every target (fuzz.h) on its seeds, on what fuzzing has found, and on new inputs made of these:
// what the fuzzers do by the hour, with any compiler, for 30 seconds a target under sanitizers and
// for one elsewhere. New inputs are others in every run; to have those of one again:
//   FLUVOX_FUZZ_SEED=N build/sanitize/tests/test_fuzz --gtest_filter='*NewInputs/toml'
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "fuzz/fuzz.h"
#include "support/sanitized.h"
#include "support/temp_folder.h"

namespace fluvox::fuzz {
namespace {

// Inputs out of known ones: bytes changed, pieces left out, repeated, moved, taken from another
// one, cut short; several of these at once.
class Mutations {
 public:
  Mutations(unsigned seed, const std::vector<std::string>& known) : random_(seed), known_(known) {}

  std::string next() {
    std::string input = any();
    for (size_t n = below(4) + 1; n > 0; --n) change(input);
    return input;
  }

 private:
  static constexpr size_t kLongest = 1 << 16;

  size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }
  const std::string& any() { return known_[below(known_.size())]; }
  std::string piece(const std::string& of) {
    const size_t from = below(of.size());
    return of.substr(from, below(std::min<size_t>(of.size() - from, 64)) + 1);
  }

  void change(std::string& input) {
    const size_t at = below(input.size());
    switch (input.empty() ? 3 : below(7)) {
      case 0:  // any byte
        input[at] = static_cast<char>(random_());
        break;
      case 1:  // one bit
        input[at] = static_cast<char>(input[at] ^ 1 << below(8));
        break;
      case 2:
        input.erase(at, below(32) + 1);
        break;
      case 3:
        input.insert(at, piece(any()));
        break;
      case 4:
        input.replace(at, below(32), piece(input));
        break;
      case 5: {  // a number of 1 to 8 bytes, at the ends of its range
        const std::string number(size_t{1} << below(4), random_() % 2 == 0 ? '\xff' : '\0');
        input.replace(at, number.size(), number);
        if (random_() % 2 == 0) input[at] = static_cast<char>(input[at] ^ '\x80');
        break;
      }
      default:
        input.resize(at);
    }
    if (input.size() > kLongest) input.resize(kLongest);
  }

  std::mt19937 random_;
  const std::vector<std::string> known_;
};

class Fuzz : public testing::TestWithParam<const Target*> {
 protected:
  const Target& target() const { return *GetParam(); }

  // What fuzzing has found so far.
  std::vector<std::string> found() const {
    const auto folder =
        std::filesystem::path(FLUVOX_SOURCE_DIR) / "tests/fuzz/found" / target().name;
    std::vector<std::string> inputs;
    if (!std::filesystem::exists(folder)) return inputs;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      inputs.push_back(support::slurp(entry.path()));
    std::sort(inputs.begin(), inputs.end());
    return inputs;
  }
};

// A corpus of refusals would test the front door alone.
TEST_P(Fuzz, SomeSeedsAreTaken) {
  int taken = 0;
  for (const std::string& seed : target().seeds()) taken += feed(target(), seed);
  EXPECT_GE(taken, 1);
}

TEST_P(Fuzz, WhatWasFoundStaysFixed) {
  for (const std::string& input : found()) feed(target(), input);
}

TEST_P(Fuzz, NewInputs) {
  using Clock = std::chrono::steady_clock;
  const char* given = std::getenv("FLUVOX_FUZZ_SEED");
  const auto seed = given ? static_cast<unsigned>(std::atol(given)) : std::random_device{}();
  // Before anything can end the program.
  std::printf("to repeat: FLUVOX_FUZZ_SEED=%u\n", seed);
  std::fflush(stdout);
  std::vector<std::string> known = target().seeds();
  for (std::string& input : found()) known.push_back(std::move(input));
  Mutations mutations(seed, known);
  const auto end = Clock::now() + std::chrono::seconds(support::kSanitized ? 30 : 1);
  size_t inputs = 0;
  for (; inputs < 200 || Clock::now() < end; ++inputs) feed(target(), mutations.next());
  RecordProperty("inputs", std::to_string(inputs));
}

INSTANTIATE_TEST_SUITE_P(, Fuzz, testing::ValuesIn(kTargets),
                         [](const auto& chosen) { return std::string(chosen.param->name); });

}  // namespace
}  // namespace fluvox::fuzz
