#include "kernels/flow_rows.h"

#include <numeric>

#include "emulation/device_test.h"
#include "emulation/operands.h"
#include "kernels/noise.h"

namespace fluvox::kernels {
namespace {

using FlowRows = DeviceTest;

// Equal numbers, not close ones: two series, each with an address and a temperature of its own.
TEST_F(FlowRows, DrawsTheVeryBitsOfTheCpu) {
  constexpr int kStride = 5, kColumn = 1, kChannels = 3, kFirst = 2;
  const std::vector<DrawnSpan> spans = {{1, 8, 11, 0x1234567890ull, 1021, {0.8, 0.9, 4}, nullptr},
                                        {9, 12, 12, 7, 0xffffffffffull, {1, 1, 0}, nullptr}};
  DeviceArray<DrawnSpan> table(spans);
  DeviceArray<float> z(13 * kStride);
  const Status status = drawn_rows_cuda(z.data() + kColumn, kStride, kFirst, kChannels, 1,
                                        table.data(), 2, 16, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  const std::vector<float> drawn = z.download();
  std::vector<bool> made(drawn.size());
  for (const DrawnSpan& s : spans)
    for (std::ptrdiff_t row = s.begin; row < s.end; ++row)
      for (int c = 0; c < kChannels; ++c) {
        const auto at = static_cast<std::size_t>(row * kStride + kColumn + c);
        const auto position = s.first + static_cast<std::uint64_t>(row - s.begin);
        EXPECT_EQ(drawn[at],
                  static_cast<float>(s.temperature.of(kFirst + c)) *
                      normal(s.seed, s.item, static_cast<std::uint32_t>(kFirst + c), position));
        made[at] = true;
      }
  for (std::size_t i = 0; i < drawn.size(); ++i) EXPECT_TRUE(made[i] || std::isnan(drawn[i])) << i;
}

// Three rows to a position: they are channels of it, side by side.
TEST_F(FlowRows, FoldedRowsShareAPosition) {
  DeviceArray<DrawnSpan> table(std::vector<DrawnSpan>{{0, 7, 5, 6, 4, {1, 1, 0}, nullptr}});
  DeviceArray<float> z(7 * 2);
  ASSERT_TRUE(drawn_rows_cuda(z.data(), 2, 10, 2, 3, table.data(), 1, 7, nullptr).ok());
  const std::vector<float> drawn = z.download();
  for (unsigned t = 0; t < 7; ++t)
    for (unsigned c = 0; c < 2; ++c)
      EXPECT_EQ(drawn[2 * t + c], normal(5, 6, 10 + 3 * c + (4 + t) % 3, (4 + t) / 3)) << t;
}

TEST_F(FlowRows, GivenNumbersComeInTheirOrder) {
  const std::vector<float> numbers = random_floats(6, 1);
  DeviceArray<float> given(numbers), z(10);
  DeviceArray<DrawnSpan> table(std::vector<DrawnSpan>{{1, 4, 0, 0, 0, {1, 1, 0}, given.data()}});
  ASSERT_TRUE(drawn_rows_cuda(z.data(), 2, 0, 2, 1, table.data(), 1, 4, nullptr).ok());
  const std::vector<float> taken = z.download();
  EXPECT_EQ(std::vector<float>(taken.begin() + 2, taken.begin() + 8), numbers);
}

// Moved on by less than is kept, so that both overlap, and by more; rows of another size beside it.
TEST_F(FlowRows, ThePastComesToTheFront) {
  for (const std::size_t moved : {0, 2, 400}) {
    std::vector<int> long_rows(3 * 1000), short_rows(1000);
    std::iota(long_rows.begin(), long_rows.end(), 0);
    std::iota(short_rows.begin(), short_rows.end(), 7);
    DeviceArray<int> a(long_rows), b(short_rows), aside_a(3 * 500), aside_b(20);
    const auto bytes = [](int* p) { return reinterpret_cast<unsigned char*>(p); };
    DeviceArray<Past> pasts(std::vector<Past>{{bytes(a.data()), bytes(aside_a.data()), 12, 6000},
                                              {bytes(b.data()), bytes(aside_b.data()), 4, 80}});
    DeviceArray<std::ptrdiff_t> device_moved(
        std::vector<std::ptrdiff_t>{static_cast<std::ptrdiff_t>(moved)});
    const Status status = keep_past_cuda(pasts.data(), 2, device_moved.data(), nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    for (std::size_t i = 0; i < 1500; ++i) long_rows[i] = static_cast<int>(i + 3 * moved);
    for (std::size_t i = 0; i < 20; ++i) short_rows[i] = static_cast<int>(i + 7 + moved);
    EXPECT_EQ(a.download(), long_rows) << moved;
    EXPECT_EQ(b.download(), short_rows) << moved;
  }
}

// Two series, the second one in the middle of its own: what is beyond a series is zeros, and never
// read.
const std::vector<Span> kTwoSeries = {{0, 3, 0, 5}, {7, 9, 6, 10}};

// Every other number of a row, from the second on.
TEST_F(FlowRows, AWindowIsRowsSideBySide) {
  constexpr int kStride = 5, kColumns = 2, kCount = 3, kWidth = 8;
  const std::vector<float> from = series<float>(kTwoSeries, 1, kStride, kStride, 5);
  DeviceArray<float> device_from(from), to(10 * kWidth);
  DeviceArray<Span> spans(kTwoSeries);
  const Status status = windowed_rows_cuda<float>(
      {device_from.data() + 1, kStride, 2, kColumns, kCount, -2, to.data(), kWidth}, spans.data(),
      2, 5, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  const std::vector<float> made = to.download();
  for (const Span& span : kTwoSeries)
    for (std::ptrdiff_t t = span.begin; t < span.end; ++t)
      for (int i = 0; i < kWidth; ++i) {
        const std::ptrdiff_t row = t - 2 + i / kColumns, number = 1 + i % kColumns * 2;
        const bool there = i < kCount * kColumns && row >= span.from && row < span.to;
        EXPECT_EQ(made[static_cast<std::size_t>(t * kWidth + i)],
                  there ? from[static_cast<std::size_t>(row * kStride + number)] : 0.0f)
            << t << ", " << i;
      }
}

TEST_F(FlowRows, ADepthwiseConvolutionMeetsZerosBehindTheNorm) {
  constexpr int kChannels = 3, kTaps = 3;
  const std::vector<float> h = series<float>(kTwoSeries, 1, kChannels, kChannels, 6);
  const std::vector<float> scale = random_floats(3, 7), offset = random_floats(3, 8),
                           w = random_floats(9, 9), bias = random_floats(3, 10);
  DeviceArray<float> device_h(h), device_scale(scale), device_offset(offset), device_w(w),
      device_bias(bias), to(h.size());
  DeviceArray<Span> spans(kTwoSeries);
  const Status status = depthwise_rows_cuda<float>(
      {kChannels, kTaps, device_scale.data(), device_offset.data(), device_w.data(),
       device_bias.data(), device_h.data(), to.data(), kChannels},
      spans.data(), 2, 5, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  std::vector<double> expected(h.size(), NAN);
  for (const Span& span : kTwoSeries)
    for (std::ptrdiff_t t = span.begin; t < span.end; ++t)
      for (std::size_t c = 0; c < kChannels; ++c) {
        double sum = double{bias[c]};
        for (int tap = 0; tap < kTaps; ++tap) {
          const std::ptrdiff_t row = t + tap - 1;
          if (row < span.from || row >= span.to) continue;
          const double before = double{h[static_cast<std::size_t>(row) * kChannels + c]};
          sum += double{w[static_cast<std::size_t>(tap) * kChannels + c]} *
                 (double{scale[c]} * before + double{offset[c]});
        }
        expected[static_cast<std::size_t>(t) * kChannels + c] = sum;
      }
  const std::vector<float> made = to.download();
  expect_same_rows(std::vector<double>(made.begin(), made.end()), expected, 1e-6, "depthwise");
}

// An IAF's: its noise is scaled, then shifted.
TEST_F(FlowRows, ATurnedCouplingScalesWhatEnters) {
  const std::vector<float> z = random_floats(6, 11), out = random_floats(12, 12);
  DeviceArray<float> device_z(z), device_out(out), y(6);
  DeviceArray<Span> spans(std::vector<Span>{{0, 3, 0, 3}});
  CoupledRows coupled{};
  coupled.channels = coupled.count = 2;
  coupled.z = device_z.data();
  coupled.y = y.data();
  coupled.z_stride = coupled.y_stride = 2;
  coupled.b = device_out.data();
  coupled.raw = device_out.data() + 2;
  coupled.out_stride = 4;
  coupled.turned = true;
  ASSERT_TRUE(coupled_rows_cuda(coupled, spans.data(), 1, 3, nullptr).ok());
  std::vector<float> expected;
  for (std::size_t t = 0; t < 3; ++t)
    for (std::size_t c = 0; c < 2; ++c)
      expected.push_back(static_cast<float>(
          double{z[2 * t + c]} * std::exp(double{out[4 * t + 2 + c]}) + double{out[4 * t + c]}));
  expect_close(y.download(), expected, 1e-6, "turned");
}

TEST_F(FlowRows, GatheredWithNothingBelowZero) {
  DeviceArray<float> from(std::vector<float>{1, -2, -0.5f, 3}), to(8);
  DeviceArray<Span> spans(std::vector<Span>{{0, 2, 0, 2}});
  ASSERT_TRUE(gathered_rows_cuda<float>({from.data(), 2, 0, 1, 2, false, to.data() + 1, 4, 3, true},
                                        spans.data(), 1, 2, nullptr)
                  .ok());
  const std::vector<float> made = to.download();
  EXPECT_EQ(std::vector<float>(made.begin() + 1, made.begin() + 4), (std::vector<float>{1, 0, 0}));
  EXPECT_EQ(std::vector<float>(made.begin() + 5, made.end()), (std::vector<float>{0, 3, 0}));
  EXPECT_TRUE(std::isnan(made[0]) && std::isnan(made[4]));
}

}  // namespace
}  // namespace fluvox::kernels
