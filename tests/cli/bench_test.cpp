#include <gtest/gtest.h>

#include "core/config.h"
#include "support/run_program.h"

namespace fluvox {
namespace {

using support::Ran;
using support::run_program;

constexpr const char* kVoice = FLUVOX_SOURCE_DIR "/models/pretrained/compact.safetensors";

Json bench(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {FLUVOX_PROGRAM, "bench", "-q", "--threads", "2"});
  const Ran ran = run_program(flags);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  return Json::parse(ran.out);
}

double figure(const Json& line, const char* name) { return line.at(name).get<double>(); }

// No time is expected; the figures of one line must be each other's.
TEST(Bench, AModelsFiguresFitTogether) {
  const Json line = bench({"-m", kVoice, "--frames", "24"});
  const double samples = 24 * 256;
  EXPECT_NEAR(figure(line, "x_real_time"), samples / 22050 / figure(line, "seconds"), 1e-6);
  EXPECT_NEAR(figure(line, "operations_per_second"),
              2 * figure(line, "multiply_adds_per_sample") * samples / figure(line, "seconds"), 1);
  EXPECT_NEAR(figure(line, "share_of_peak"),
              figure(line, "operations_per_second") / figure(line, "peak_operations_per_second"),
              1e-9);
  EXPECT_LE(figure(line, "least"), figure(line, "seconds"));
  EXPECT_GE(figure(line, "most"), figure(line, "seconds"));
  for (const char* peak :
       {"fp32_operations_per_second", "bf16_operations_per_second", "memory_read_bytes_per_second"})
    EXPECT_GT(figure(line.at("peaks"), peak), 1e8) << peak;
  EXPECT_EQ(line.at("threads"), 2);
  EXPECT_FALSE(line.at("cpu").get<std::string>().empty());
  EXPECT_FALSE(line.at("commit").get<std::string>().empty());
}

// The multiplications of what is folded are counted, not those of the published structure: 8.80 M
// a sample in place of 10.15 M (docs/speed.md).
TEST(Bench, CountsWhatIsMultipliedAfterFolding) {
  const Json line = bench({"--model", "waveglow", "--preset", "64", "--frames", "2"});
  EXPECT_NEAR(figure(line, "multiply_adds_per_sample"), 1.317e6, 1e3);
}

// A stream of the voice gives its first sample when its look-ahead has come; a model that sees the
// whole utterance first has no such figure.
TEST(Bench, AStreamsFirstSampleIsTimed) {
  EXPECT_GT(figure(bench({"-m", kVoice, "--frames", "8"}), "first_sample_seconds"), 0);
  EXPECT_FALSE(bench({"-m", kVoice, "--frames", "2"}).contains("first_sample_seconds"));
}

}  // namespace
}  // namespace fluvox
