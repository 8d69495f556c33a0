#include "mel/filterbank.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fluvox::mel {
namespace {

// The example in librosa's documentation of mel_frequencies(n_mels=40).
TEST(Filterbank, SlaneyEdgesAreThePublishedOnes) {
  Convention c;
  c.bands = 38;
  c.fmax = 11025;
  const std::vector<double> expected = {
      0.,       85.317,   170.635,  255.952,  341.269,  426.586,  511.904,   597.221,
      682.538,  767.855,  853.173,  938.49,   1024.856, 1119.114, 1222.042,  1334.436,
      1457.167, 1591.187, 1737.532, 1897.337, 2071.84,  2262.393, 2470.47,   2697.686,
      2945.799, 3216.731, 3512.582, 3835.643, 4188.417, 4573.636, 4994.285,  5453.621,
      5955.205, 6502.92,  7101.009, 7754.107, 8467.272, 9246.028, 10096.408, 11025.};
  const std::vector<double> edges = band_edges(c);
  ASSERT_EQ(edges.size(), expected.size());
  for (size_t i = 0; i < edges.size(); ++i) EXPECT_NEAR(edges[i], expected[i], 6e-4) << i;
  EXPECT_EQ(band_centres(c).size(), 38U);
  EXPECT_NEAR(band_centres(c)[0], 85.317, 6e-4);
}

TEST(Filterbank, HtkEdgesAreEquallySpacedInHtkMel) {
  Convention c;
  c.scale = "htk";
  c.bands = 26;
  const std::vector<double> edges = band_edges(c);
  const double top = 2595 * std::log10(1 + 8000 / 700.0);
  for (size_t i = 0; i < edges.size(); ++i)
    EXPECT_NEAR(2595 * std::log10(1 + edges[i] / 700), top * static_cast<double>(i) / 27, 1e-9);
  EXPECT_NEAR(2595 * std::log10(1 + 1000.0 / 700), 1000, 0.05);  // the scale's own anchor
}

// Riemann sums over a fine grid of bins: 1 in Hz for Slaney's norm, half the base for peaks of 1.
TEST(Filterbank, AreasAreWhatTheNormSays) {
  Convention c;
  c.fft = c.window = 65536;
  const double width = static_cast<double>(c.sample_rate) / c.fft;
  const std::vector<double> edges = band_edges(c);
  const Filterbank slaney(c);
  c.norm = "none";
  const Filterbank none(c);
  for (int band = 0; band < c.bands; ++band) {
    const auto b = static_cast<size_t>(band);
    EXPECT_NEAR(slaney.sum(band) * width, 1, 1e-3);
    EXPECT_NEAR(none.sum(band) * width, (edges[b + 2] - edges[b]) / 2, 0.1);
  }
}

TEST(Filterbank, ApplySumsTheTriangles) {
  Convention c;
  c.norm = "none";
  const Filterbank filters(c);
  const std::vector<double> edges = band_edges(c);
  std::vector<double> in(513), out(80);
  for (size_t k = 0; k < in.size(); ++k) in[k] = std::sin(0.1 * static_cast<double>(k)) + 2;
  filters.apply(in.data(), out.data());
  for (size_t band = 0; band < 80; ++band) {
    double sum = 0;
    for (int k = 0; k < 513; ++k) {
      const double hz = k * 22050.0 / 1024;
      const double rise = (hz - edges[band]) / (edges[band + 1] - edges[band]);
      const double fall = (edges[band + 2] - hz) / (edges[band + 2] - edges[band + 1]);
      const double weight = std::max(0.0, std::min(rise, fall));
      EXPECT_NEAR(filters.weight(static_cast<int>(band), k), weight, 1e-12);
      sum += weight * in[static_cast<size_t>(k)];
    }
    EXPECT_NEAR(out[band], sum, 1e-9);
  }
}

TEST(Filterbank, LogFilterSumIsFiniteWhereAFilterHoldsNoBin) {
  Convention c = convention("vocos");
  c.bands = 200;
  const Filterbank filters(c);
  const std::vector<double> logs = log_filter_sum(c), edges = band_edges(c);
  int empty = 0;
  for (size_t band = 0; band < 200; ++band) {
    const double sum = filters.sum(static_cast<int>(band));
    empty += sum == 0;
    const double area = (edges[band + 2] - edges[band]) / 2 / (24000.0 / 1024);
    EXPECT_DOUBLE_EQ(logs[band], std::log(sum > 0 ? sum : area));
  }
  EXPECT_GT(empty, 0);
}

}  // namespace
}  // namespace fluvox::mel
