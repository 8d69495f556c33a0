// The mels of tests/goldens/mel, made by tools/mel-goldens.py in float64 by librosa and by
// torchaudio.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "core/atomic_file.h"
#include "mel/mel.h"
#include "mel/npy.h"
#include "support/python.h"

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

TEST(Goldens, AreMadeAgainWherePythonHasTheLibraries) {
  const std::string packages = "numpy librosa torch torchaudio";
  const std::string python = support::python_with(packages);
  if (python.empty())
    GTEST_SKIP() << "no Python here has " << packages << "; set FLUVOX_PYTHON to one that does "
                 << "to compute the goldens again. The committed ones are tested all the same.";
  const std::string script = (kRoot / "tools/mel-goldens.py").string();
  EXPECT_EQ(std::system(("'" + python + "' '" + script + "' --check").c_str()), 0);
}

}  // namespace
}  // namespace fluvox::mel
