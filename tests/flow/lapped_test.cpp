#include "flow/lapped.h"

#include <gtest/gtest.h>

#include <numbers>

#include "core/threads.h"
#include "flow/step_runtime.h"
#include "net/weights.h"
#include "support/made_weights.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

RuntimeStepPtr build(int hop) {
  static const Tensors none;
  Weights weights(none);
  return make_runtime(Lapped{hop}, weights);
}

Grid transformed(const RuntimeStep& step, const std::vector<float>& audio, int threads = 1) {
  Grid x;
  x.rows = static_cast<int>(audio.size());
  x.columns = 1;
  x.values = audio;
  Threads pool(threads);
  EXPECT_EQ(step.forward(x, {}, pool), 0);
  return x;
}

// The textbook MDCT: every coefficient is a sum over two blocks under a sine window,
//   X_f[k] = sqrt(2 / N) sum_n sin(pi / (2N) (n + N/2 + 1/2)) x[N f + n] cos(pi / N (n + 1/2) (k +
//   1/2)),
// n = -N/2 .. 3N/2 - 1, times (-1)^(k f). At the clip's ends the window is 1 on the inner side, 0
// outside.
std::vector<double> textbook(const std::vector<float>& audio, int hop) {
  const int frames = static_cast<int>(audio.size()) / hop;
  std::vector<double> result;
  for (int f = 0; f < frames; ++f)
    for (int k = 0; k < hop; ++k) {
      double sum = 0;
      for (int n = -hop / 2; n < hop + hop / 2; ++n) {
        double window = std::sin(std::numbers::pi / (2 * hop) * (n + hop / 2 + 0.5));
        if (f == 0 && n < hop / 2) window = n < 0 ? 0 : 1;
        if (f == frames - 1 && n >= hop / 2) window = n < hop ? 1 : 0;
        if (window == 0) continue;
        sum += window * audio[static_cast<size_t>(hop * f + n)] *
               std::cos(std::numbers::pi / hop * (n + 0.5) * (k + 0.5));
      }
      result.push_back(std::sqrt(2.0 / hop) * sum * (k * f % 2 == 0 ? 1 : -1));
    }
  return result;
}

TEST(Lapped, IsTheTextbookMdct) {
  unsigned seed = 1;
  for (int hop : {2, 4, 6, 16, 256})
    for (int frames : {1, 2, 3, 5, 70}) {
      if (hop == 256 && frames > 5) continue;
      const auto audio = support::random_values(static_cast<size_t>(hop) * frames, 0.3, seed++);
      const Grid z = transformed(*build(hop), audio);
      EXPECT_EQ(z.rows, frames);
      EXPECT_EQ(z.columns, hop);
      EXPECT_LT(support::difference(z.values, textbook(audio, hop)), 1e-6)
          << hop << " x " << frames;
    }
}

TEST(Lapped, IsOrthonormalRightToTheEnds) {
  for (int frames : {1, 2, 3, 5}) {
    constexpr int kHop = 8;
    const int n = kHop * frames;
    const RuntimeStepPtr step = build(kHop);
    std::vector<std::vector<float>> columns;
    for (int i = 0; i < n; ++i) {
      std::vector<float> impulse(static_cast<size_t>(n));
      impulse[static_cast<size_t>(i)] = 1;
      columns.push_back(transformed(*step, impulse).values);
    }
    for (size_t i = 0; i < columns.size(); ++i)
      for (size_t j = 0; j < columns.size(); ++j) {
        double dot = 0;
        for (size_t k = 0; k < columns.size(); ++k) dot += double{columns[i][k]} * columns[j][k];
        EXPECT_NEAR(dot, i == j ? 1 : 0, 1e-6) << frames << " frames: " << i << ", " << j;
      }
  }
}

TEST(Lapped, TurnsBackAndIgnoresThreads) {
  for (int frames : {1, 2, 3, 5, 120}) {
    constexpr int kHop = 32;
    const auto audio = support::random_values(static_cast<size_t>(kHop) * frames, 0.3, 5);
    const RuntimeStepPtr step = build(kHop);
    Grid z = transformed(*step, audio), shared = transformed(*step, audio, 3);
    EXPECT_EQ(shared.values, z.values);
    Threads one(1), three(3);
    step->inverse(z, {}, one);
    step->inverse(shared, {}, three);
    EXPECT_EQ(z.rows, kHop * frames);
    EXPECT_EQ(z.columns, 1);
    EXPECT_LT(support::difference(z.values, support::doubles(audio)), 1e-6);
    EXPECT_EQ(shared.values, z.values);
  }
}

TEST(Lapped, RefusesAnOddHopAndABrokenBlock) {
  EXPECT_EQ(support::thrown_by([] { build(7); }).code(), "config-invalid");
  Threads threads(1);
  Grid x(10, 1);
  const Error error = support::thrown_by([&] { build(4)->forward(x, {}, threads); });
  EXPECT_EQ(error.code(), "shape-mismatch");
  EXPECT_NE(std::string(error.what()).find("found 10"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace fluvox::flow
