#include "kernels/noise.h"

#include "emulation/device_test.h"

namespace fluvox::kernels {
namespace {

using NoiseDevice = DeviceTest;

// Equal numbers, not close ones (none is zero or NaN, so equal bits).
TEST_F(NoiseDevice, DrawsTheVeryBitsOfTheCpu) {
  const std::uint64_t positions[] = {0, 1, 2, 3, 4, 1023, 0xffffffffffull};
  for (const int rows : {0, 1, 3, 4, 5, 31, 32, 33, 255, 256, 257})
    for (const int channels : {1, 2, 7}) {
      const std::uint64_t position = positions[static_cast<std::size_t>(rows + channels) % 7];
      std::vector<float> expected(static_cast<std::size_t>(rows * channels));
      noise_cpu(expected.data(), rows, channels, 12345, 0x1234567890ull, position);
      DeviceArray<float> z(expected.size());
      const Status status =
          noise_cuda(z.data(), rows, channels, 12345, 0x1234567890ull, position, nullptr);
      ASSERT_TRUE(status.ok()) << status.message;
      EXPECT_EQ(z.download(), expected)
          << rows << " rows, " << channels << " channels, from " << position;
    }
}

// Enough of them to meet the tail's branch (one in 290).
TEST_F(NoiseDevice, AgreesInTheTails) {
  const int rows = 20000;
  std::vector<float> expected(rows);
  noise_cpu(expected.data(), rows, 1, 7, 0, 0);
  DeviceArray<float> z(rows);
  const Status status = noise_cuda(z.data(), rows, 1, 7, 0, 0, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  EXPECT_EQ(z.download(), expected);
}

}  // namespace
}  // namespace fluvox::kernels
