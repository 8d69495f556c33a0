#include "mel/stft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "mel/made_sound.h"

namespace fluvox::mel {
namespace {

using Complex = std::complex<double>;

Convention small(int fft, int hop, int window) {
  Convention c;
  c.fft = fft;
  c.hop = hop;
  c.window = window;
  return c;
}

std::vector<Complex> naive(const std::vector<double>& x) {
  std::vector<Complex> out(x.size() / 2 + 1);
  for (size_t k = 0; k < out.size(); ++k)
    for (size_t n = 0; n < x.size(); ++n) {
      const auto turns = static_cast<double>(k * n % x.size()) / static_cast<double>(x.size());
      out[k] += x[n] * std::polar(1.0, -2 * std::numbers::pi * turns);
    }
  return out;
}

// Against the sum that defines it, for radices 2, 3, 4, 5, a short window, both paddings and edges.
TEST(Stft, IsTheSumThatDefinesIt) {
  for (const auto& [fft, hop, window] : {std::tuple{16, 16, 16},
                                         {18, 17, 2},
                                         {30, 16, 25},
                                         {64, 16, 64},
                                         {90, 30, 61},
                                         {480, 120, 480}})
    for (const bool centred : {true, false})
      for (const char* edge : {"reflect", "zero"})
        for (const size_t samples : {1U, 2U, 7U, 40U, 1000U}) {
          Convention c = small(fft, hop, window);
          c.centred = centred;
          c.edge = edge;
          c.window_kind = samples % 2 != 0 ? "hann" : "hann-symmetric";
          const Stft stft(c);
          const std::vector<float> audio = made::noise(samples);
          const auto size = static_cast<size_t>(fft);
          const double period = samples % 2 != 0 ? window : window - 1;
          std::vector<double> buffer(size);
          std::vector<Complex> spectrum(size / 2 + 1);
          for (size_t frame = 0; frame < frame_count(c, samples); ++frame) {
            std::vector<double> x(size, 0.0);
            for (int n = 0; n < window; ++n) {
              const int place = (fft - window) / 2 + n;
              int index =
                  static_cast<int>(frame) * hop - (centred ? fft / 2 : (fft - hop) / 2) + place;
              const int count = static_cast<int>(samples);
              double sample = 0;
              if (c.edge == "reflect") {
                while (count > 1 && (index < 0 || index >= count))
                  index = index < 0 ? -index : 2 * (count - 1) - index;
                sample = audio[count > 1 ? static_cast<size_t>(index) : 0];
              } else if (index >= 0 && index < count) {
                sample = audio[static_cast<size_t>(index)];
              }
              const double hann = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * n / period);
              x[static_cast<size_t>(place)] = hann * sample;
            }
            stft.forward(audio, frame, buffer, spectrum);
            const std::vector<Complex> expected = naive(x);
            for (size_t k = 0; k < spectrum.size(); ++k)
              ASSERT_LT(std::abs(spectrum[k] - expected[k]), 1e-12 * fft)
                  << fft << " " << samples << " " << frame << " " << k;
          }
        }
}

TEST(Stft, InverseUndoesForward) {
  for (const int fft : {16, 48, 100, 1024}) {
    const Stft stft(small(fft, 16, fft));
    const std::vector<float> audio = made::noise(5000);
    const auto size = static_cast<size_t>(fft);
    std::vector<double> buffer(size), back(size);
    std::vector<Complex> spectrum(size / 2 + 1);
    stft.forward(audio, 100, buffer, spectrum);
    stft.inverse(spectrum, back);
    for (size_t n = 0; n < size; ++n) {
      const double sample = audio[1600 - size / 2 + n];
      EXPECT_NEAR(back[n], stft.window()[n] * sample, 1e-14 * fft);
    }
  }
}

TEST(Stft, ReflectsForEver) {
  // 0 1 2 3 2 1 0 1 ...
  const std::vector<size_t> expected = {0, 1, 2, 3, 2, 1};
  for (std::ptrdiff_t i = -60; i < 60; ++i)
    EXPECT_EQ(reflected(i, 4), expected[static_cast<size_t>((i + 60) % 6)]) << i;
  EXPECT_EQ(reflected(-5, 1), 0U);
  EXPECT_EQ(reflected(-5, 2), 1U);
}

TEST(Stft, RefusesConventionsThatMakeNoSense) {
  EXPECT_THROW(Stft(small(1024, 2048, 1024)), Error);
  EXPECT_THROW(Stft(small(34, 16, 34)), Error);
}

}  // namespace
}  // namespace fluvox::mel
