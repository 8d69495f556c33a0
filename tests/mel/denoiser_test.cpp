#include "mel/denoiser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "mel/made_sound.h"
#include "support/throws.h"

namespace fluvox::mel {
namespace {

double rms(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum / static_cast<double>(x.size()));
}

TEST(Denoiser, WithoutSubtractionTheAudioComesBackAtEveryLength) {
  const Denoiser denoiser;
  const std::vector<double> bias(513, 1.0);
  for (const size_t samples : {1U, 2U, 255U, 256U, 257U, 511U, 512U, 1023U, 1024U, 1025U, 5000U}) {
    const std::vector<float> audio = made::noise(samples);
    const std::vector<float> out = denoiser.remove(audio, bias, 0.0);
    ASSERT_EQ(out.size(), samples);
    for (size_t i = 0; i < samples; ++i) ASSERT_NEAR(out[i], audio[i], 1e-6) << samples << " " << i;
  }
}

// Everything by its definition, in sums over n and k.
TEST(Denoiser, IsSpectralSubtractionByItsFormula) {
  constexpr int kFft = 64, kHop = 16, kPad = 32, kSamples = 150, kBins = 33;
  const Denoiser denoiser(kFft);
  const std::vector<float> audio = made::noise(kSamples), rendering = made::noise(kSamples, 0.1, 9);
  const auto sample = [](const std::vector<float>& x, int i) {
    if (i < 0) i = -i;
    if (i >= kSamples) i = 2 * (kSamples - 1) - i;
    return static_cast<double>(x[static_cast<size_t>(i)]);
  };
  const auto hann = [](int n) { return 0.5 - 0.5 * std::cos(2 * std::numbers::pi * n / kFft); };
  const auto bin = [&](const std::vector<float>& x, int frame, int k) {
    std::complex<double> sum = 0;
    for (int n = 0; n < kFft; ++n)
      sum += hann(n) * sample(x, frame * kHop - kPad + n) *
             std::polar(1.0, -2 * std::numbers::pi * k * n / kFft);
    return sum;
  };
  const int frames = 1 + kSamples / kHop;
  std::vector<double> first, average;
  for (int k = 0; k < kBins; ++k) {
    first.push_back(std::abs(bin(rendering, 0, k)));
    double sum = 0;
    for (int frame = 0; frame < frames; ++frame) sum += std::abs(bin(rendering, frame, k));
    average.push_back(sum / frames);
  }
  const std::vector<double> ours_first = denoiser.bias_of_first_frame(rendering),
                            ours_average = denoiser.bias_of_average(rendering);
  std::vector<double> strength;
  for (int k = 0; k < kBins; ++k) {
    EXPECT_NEAR(ours_first[static_cast<size_t>(k)], first[static_cast<size_t>(k)], 1e-12);
    EXPECT_NEAR(ours_average[static_cast<size_t>(k)], average[static_cast<size_t>(k)], 1e-12);
    strength.push_back(3.0 * k / kBins);
  }
  std::vector<double> sum(kSamples), weight(kSamples);
  for (int frame = 0; frame < frames; ++frame) {
    std::vector<std::complex<double>> left;
    for (int k = 0; k < kBins; ++k) {
      const std::complex<double> x = bin(audio, frame, k);
      const auto place = static_cast<size_t>(k);
      left.push_back(
          std::polar(std::max(std::abs(x) - strength[place] * average[place], 0.0), std::arg(x)));
    }
    for (int n = 0; n < kFft; ++n) {
      const int i = frame * kHop - kPad + n;
      if (i < 0 || i >= kSamples) continue;
      double y = left[0].real() + left[32].real() * (n % 2 == 0 ? 1 : -1);
      for (int k = 1; k < 32; ++k)
        y += 2 *
             (left[static_cast<size_t>(k)] * std::polar(1.0, 2 * std::numbers::pi * k * n / kFft))
                 .real();
      sum[static_cast<size_t>(i)] += hann(n) * y / kFft;
      weight[static_cast<size_t>(i)] += hann(n) * hann(n);
    }
  }
  const std::vector<float> out = denoiser.remove(audio, average, strength);
  for (size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], sum[i] / weight[i], 1e-6) << i;
}

// A vocoder's tone at k fs/8 under speech: gone from the pause, and the speech is spared.
TEST(Denoiser, TakesATonesBiasOutAndSparesTheVoice) {
  const Denoiser denoiser;
  const std::vector<float> voice = made::speech(44'100, 22050, 1);
  const std::vector<float> tone = made::tone(44'100, 22050.0 / 8, 22050, 0.01);
  std::vector<float> audio = voice;
  for (size_t i = 0; i < audio.size(); ++i) audio[i] += tone[i];
  const std::vector<double> bias = denoiser.bias_of_average(tone);
  const auto residue = [&](std::span<const float> out) {
    std::vector<float> rest(out.begin(), out.end());
    for (size_t i = 0; i < rest.size(); ++i) rest[i] -= voice[i];
    return rms(rest) / rms(tone);
  };
  const std::vector<double> tonal = tonal_strengths(bias, 1.0);
  EXPECT_LT(residue(denoiser.remove(audio, bias, tonal)), 0.35);
  // Where nobody speaks, the tone is gone by 40 dB.
  const std::vector<float> silence_out = denoiser.remove(tone, bias, tonal);
  EXPECT_LT(rms(std::span(silence_out).subspan(2000, 40'000)), 0.01 * rms(tone));
  // Away from the tone the strength is next to nothing.
  EXPECT_GT(tonal[128], 0.99);
  EXPECT_LT(tonal[40] * bias[40], 1e-5 * bias[128]);
}

// What an upsampler of hop 256 leaves: one period of noise, over and over.
TEST(Denoiser, TakesOutASoundThatRepeatsWithTheHop) {
  const Denoiser denoiser;
  const std::vector<float> period = made::noise(256, 0.01);
  std::vector<float> sound(30'000);
  for (size_t i = 0; i < sound.size(); ++i) sound[i] = period[i % 256];
  const std::vector<double> bias = denoiser.bias_of_average(sound);
  const auto left = [&](double strength) {
    const auto out = denoiser.remove(sound, bias, tonal_strengths(bias, strength));
    return rms(std::span(out).subspan(2000, 26'000)) / rms(std::span(sound).subspan(2000, 26'000));
  };
  EXPECT_LT(left(1), 0.1);
  EXPECT_NEAR(left(0.5), 0.5, 0.05);
}

TEST(Denoiser, ALevelBiasHasNoTonalStrength) {
  for (const double strength : tonal_strengths(std::vector<double>(513, 0.3), 1.0))
    EXPECT_EQ(strength, 0);
  std::vector<double> bias(513, 0.1);
  bias[0] = bias[512] = 1;
  const std::vector<double> strengths = tonal_strengths(bias, 0.5);
  EXPECT_NEAR(strengths[0], 0.45, 1e-12);
  EXPECT_NEAR(strengths[512], 0.45, 1e-12);
  for (const double strength : tonal_strengths(std::vector<double>(513, 0.0), 1.0))
    EXPECT_EQ(strength, 0);
}

TEST(Denoiser, BadArgumentsAreErrors) {
  const Denoiser denoiser;
  const std::vector<double> bias(513, 1.0), small(10, 1.0);
  EXPECT_EQ(support::thrown_by([&] { denoiser.remove({}, bias, 0.1); }).code(), "audio-empty");
  EXPECT_EQ(support::thrown_by([&] { denoiser.bias_of_average({}); }).code(), "audio-empty");
  EXPECT_EQ(support::thrown_by([&] { denoiser.remove(made::noise(9), small, 0.1); }).code(),
            "denoiser-size");
  std::vector<float> bad = made::noise(100);
  bad[17] = std::nanf("");
  EXPECT_THAT(support::thrown_by([&] { denoiser.remove(bad, bias, 0.1); }).what(),
              testing::HasSubstr("sample 17"));
  EXPECT_THROW(Denoiser(1022), Error);
}

}  // namespace
}  // namespace fluvox::mel
