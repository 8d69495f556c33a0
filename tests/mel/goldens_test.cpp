// The mels of tests/goldens/mel, made by tools/mel-goldens.py with librosa in float64.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "core/atomic_file.h"
#include "mel/mel.h"
#include "mel/npy.h"

namespace fluvox::mel {
namespace {

const std::filesystem::path kRoot = FLUVOX_SOURCE_DIR;
const std::filesystem::path kFolder = kRoot / "tests/goldens/mel";

TEST(Goldens, EveryConventionAtEveryLength) {
  const Json index = Json::parse(read_file(kFolder / "index.json", 100'000));
  const NpyArray signals = read_npy(kFolder / "signals.npy");
  for (const std::string& name : names()) {
    const Analyser analyser(convention(name));
    const NpyArray golden = read_npy(kFolder / (name + ".npy"));
    ASSERT_EQ(golden.shape[1], static_cast<size_t>(analyser.convention().bands)) << name;
    size_t row = 0;
    double worst = 0;
    for (size_t i = 0; i < index["cases"].size(); ++i) {
      const std::string signal = index["cases"][i][0];
      const size_t samples = index["cases"][i][1], start = index["signals"][signal][0];
      const Mel mel = analyser.analyse(std::span(signals.values).subspan(start, samples));
      ASSERT_EQ(mel.frames, index["frames"][name][i].get<int>())
          << name << " " << signal << samples;
      for (const float value : mel.values) {
        const double error = std::abs(static_cast<double>(value) - golden.values[row++]);
        ASSERT_LE(error, 1e-4) << name << " " << signal << " of " << samples << " samples";
        worst = std::max(worst, error);
      }
    }
    EXPECT_EQ(row, golden.values.size()) << name;
    // What float32 can hold at this size is what we reach; 1e-4 is what is promised.
    EXPECT_LE(worst, 4e-6) << name;
  }
}

TEST(Goldens, AreMadeAgainWherePythonHasLibrosa) {
  const char* named = std::getenv("FLUVOX_PYTHON");
  const std::string python = named != nullptr ? named : "python3";
  const std::string quiet = " >/dev/null 2>&1";
  if (std::system(("'" + python + "' -c 'import numpy, librosa'" + quiet).c_str()) != 0)
    GTEST_SKIP() << python
                 << " has no librosa; set FLUVOX_PYTHON to one that has to compute the goldens "
                 << "again. The committed ones are tested all the same.";
  const std::string script = (kRoot / "tools/mel-goldens.py").string();
  EXPECT_EQ(std::system(("'" + python + "' '" + script + "' --check").c_str()), 0);
}

}  // namespace
}  // namespace fluvox::mel
