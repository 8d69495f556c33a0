#include "kernels/flow_rows.h"

#include <numeric>

#include "emulation/device_test.h"
#include "kernels/noise.h"

namespace fluvox::kernels {
namespace {

using FlowRows = DeviceTest;

// Equal numbers, not close ones: two series, each with an address and a temperature of its own.
TEST_F(FlowRows, DrawsTheVeryBitsOfTheCpu) {
  constexpr int kStride = 5, kColumn = 1, kChannels = 3, kFirst = 2;
  const std::vector<DrawnSpan> spans = {{1, 8, 11, 0x1234567890ull, 1021, 0.8f, nullptr},
                                        {9, 12, 12, 7, 0xffffffffffull, 1, nullptr}};
  DeviceArray<DrawnSpan> table(spans);
  DeviceArray<float> z(13 * kStride);
  const Status status =
      drawn_rows_cuda(z.data() + kColumn, kStride, kFirst, kChannels, table.data(), 2, 16, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  const std::vector<float> drawn = z.download();
  std::vector<bool> made(drawn.size());
  for (const DrawnSpan& s : spans)
    for (std::ptrdiff_t row = s.begin; row < s.end; ++row)
      for (int c = 0; c < kChannels; ++c) {
        const auto at = static_cast<std::size_t>(row * kStride + kColumn + c);
        const auto position = s.position + static_cast<std::uint64_t>(row - s.begin);
        EXPECT_EQ(drawn[at], s.sigma * normal(s.seed, s.item,
                                              static_cast<std::uint32_t>(kFirst + c), position));
        made[at] = true;
      }
  for (std::size_t i = 0; i < drawn.size(); ++i) EXPECT_TRUE(made[i] || std::isnan(drawn[i])) << i;
}

TEST_F(FlowRows, GivenNumbersComeInTheirOrder) {
  const std::vector<float> numbers = random_floats(6, 1);
  DeviceArray<float> given(numbers), z(10);
  DeviceArray<DrawnSpan> table(std::vector<DrawnSpan>{{1, 4, 0, 0, 0, 1, given.data()}});
  ASSERT_TRUE(drawn_rows_cuda(z.data(), 2, 0, 2, table.data(), 1, 4, nullptr).ok());
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

}  // namespace
}  // namespace fluvox::kernels
