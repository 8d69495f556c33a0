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
  EXPECT_NEAR(figure(line, "samples_per_second"), samples / figure(line, "seconds"), 1e-3);
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
  EXPECT_EQ(line.at("device"), "cpu");
  EXPECT_FALSE(line.at("cpu").get<std::string>().empty());
  EXPECT_FALSE(line.at("commit").get<std::string>().empty());
}

// The multiplications of what is folded are counted, not those of the published structure. Of a
// group of 8 samples of the WaveGlow with 64 channels, by hand:
TEST(Bench, CountsWhatIsMultipliedAfterFolding) {
  constexpr double kChannels = 64, kCondition = 640, kLayers = 8;
  double expected = 80 * 80 * 4 * 8;  // the upsampler: 1024 taps over a hop of 256
  for (const double half : {4, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2}) {
    expected += half * kChannels;                               // start, for the residual path
    expected += 3 * (half + 1) * 2 * kChannels;                 // start folded into layer 0
    expected += (kLayers - 1) * 3 * kChannels * 2 * kChannels;  // the other layers
    expected += kLayers * kCondition * 2 * kChannels;           // the mel
    expected += (kLayers - 1) * kChannels * kChannels;          // residual
    expected += kLayers * kChannels * 2 * half;                 // skip and end in one
    expected += half + 4 * half * half;                         // affine, 1x1
  }
  const Json line = bench({"--model", "waveglow", "--preset", "64", "--frames", "1"});
  EXPECT_NEAR(figure(line, "multiply_adds_per_sample"), expected / 8, 1e-6);
}

// Every chunk that gives samples but the last, behind which comes what the model held back.
TEST(Bench, AChunkIsTimed) {
  const Json line = bench({"-m", kVoice, "--frames", "24", "--chunk", "4"});
  EXPECT_GT(figure(line, "chunk_seconds"), 0);
  EXPECT_LE(figure(line, "chunk_seconds"), figure(line, "most_chunk_seconds"));
  EXPECT_LE(figure(line, "most_chunk_seconds"), figure(line, "most"));
  EXPECT_FALSE(bench({"-m", kVoice, "--frames", "4", "--chunk", "4"}).contains("chunk_seconds"));
}

// A stream of the voice gives its first sample when its look-ahead has come; a model that sees the
// whole utterance first has no such figure.
TEST(Bench, AStreamsFirstSampleIsTimed) {
  EXPECT_GT(figure(bench({"-m", kVoice, "--frames", "8"}), "first_sample_seconds"), 0);
  EXPECT_FALSE(bench({"-m", kVoice, "--frames", "2"}).contains("first_sample_seconds"));
}

}  // namespace
}  // namespace fluvox
