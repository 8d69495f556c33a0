#include "kernels/gate.h"

#include "core/error.h"
#include "emulation/device_test.h"

namespace fluvox::kernels {
namespace {

using GateDevice = DeviceTest;

TEST_F(GateDevice, AgreesWithTheCpu) {
  for (const int rows : {0, 1, 31, 32, 33, 127, 128, 129})
    for (const int channels : {1, 2, 5})
      for (const bool conditioned : {false, true}) {
        const auto a_stride = static_cast<std::size_t>(2 * channels + 3);
        const auto q_stride = static_cast<std::size_t>(2 * channels);
        const auto y_stride = static_cast<std::size_t>(channels + 1);
        const auto t = static_cast<std::size_t>(rows);
        const std::vector<float> a = random_floats(t * a_stride, 1, 4);
        const std::vector<float> q = random_floats(t * q_stride, 2, 4);
        std::vector<float> expected =
            random_floats(t * y_stride, 3);  // what lies between rows stays
        DeviceArray<float> device_a(a), device_q(q), device_y(expected);
        gate_cpu(rows, channels, a.data(), 2 * channels + 3, conditioned ? q.data() : nullptr,
                 2 * channels, expected.data(), channels + 1);
        const Status status = gate_cuda(rows, channels, device_a.data(), 2 * channels + 3,
                                        conditioned ? device_q.data() : nullptr, 2 * channels,
                                        device_y.data(), channels + 1, nullptr);
        ASSERT_TRUE(status.ok()) << status.message;
        expect_close(device_y.download(), expected, 5e-7,
                     text(rows, " rows, ", channels, " channels, condition ", conditioned));
      }
}

TEST_F(GateDevice, HasNoNanAtTheExtremes) {
  const std::vector<float> a = {100,  100,  100,      -100,     -100,   100,
                                -100, -100, INFINITY, INFINITY, -1e30f, -1e30f};
  std::vector<float> expected(6);
  gate_cpu(6, 1, a.data(), 2, nullptr, 0, expected.data(), 1);
  DeviceArray<float> device_a(a), y(6);
  const Status status = gate_cuda(6, 1, device_a.data(), 2, nullptr, 0, y.data(), 1, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  expect_close(y.download(), expected, 1e-7, "extremes");
}

TEST_F(GateDevice, WorksInPlace) {
  const std::vector<float> a = random_floats(300 * 2, 4, 3);
  std::vector<float> expected = a;
  gate_cpu(300, 1, expected.data(), 2, nullptr, 0, expected.data(), 2);
  DeviceArray<float> device_a(a);
  const Status status =
      gate_cuda(300, 1, device_a.data(), 2, nullptr, 0, device_a.data(), 2, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  expect_close(device_a.download(), expected, 5e-7, "in place");
}

}  // namespace
}  // namespace fluvox::kernels
