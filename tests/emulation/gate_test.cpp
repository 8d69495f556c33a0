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

// As T the CPU twin is given what T holds, and the result is compared within T's rounding.
template <class T>
void factors_agree(double tolerance) {
  for (const int rows : {0, 1, 3})
    for (const int channels : {1, 43, 128, 129})
      for (const bool conditioned : {false, true}) {
        const auto n = static_cast<std::size_t>(channels), t = static_cast<std::size_t>(rows);
        const std::string shape = text(rows, " rows, ", channels, " channels, ", conditioned);
        const std::vector<float> a = kept_as<T>(random_floats(t * (2 * n + 3), 5, 3));
        const std::vector<float> q = kept_as<T>(random_floats(t * 4 * n, 6, 3));
        const std::vector<float> gy = kept_as<T>(random_floats(t * n, 7));
        std::vector<float> f(t * 2 * n), y(t * n), ga(t * 2 * n);
        gate_factors_cpu(rows, channels, 0, channels, a.data(), 2 * channels + 3,
                         conditioned ? q.data() : nullptr, 4 * channels, f.data(), y.data(),
                         channels);
        DeviceArray<T> device_a(numbers<T>(a)), device_q(numbers<T>(q)), device_f(f.size()),
            device_y(y.size()), alone(y.size());
        const T* condition = conditioned ? device_q.data() : nullptr;
        Status status =
            gate_factors_cuda<T>(rows, channels, device_a.data(), 2 * channels + 3, condition,
                                 4 * channels, device_f.data(), device_y.data(), channels, nullptr);
        ASSERT_TRUE(status.ok()) << status.message;
        expect_close(floats(device_f.download()), f, tolerance, shape);
        expect_close(floats(device_y.download()), y, 2 * tolerance, shape);
        status = gate_factors_cuda<T>(rows, channels, device_a.data(), 2 * channels + 3, condition,
                                      4 * channels, nullptr, alone.data(), channels, nullptr);
        ASSERT_TRUE(status.ok()) << status.message;
        EXPECT_EQ(floats(alone.download()), floats(device_y.download())) << shape;
        f = kept_as<T>(f);
        gate_backward_cpu(rows, channels, 0, channels, f.data(), gy.data(), ga.data());
        DeviceArray<T> given_f(numbers<T>(f)), device_gy(numbers<T>(gy)), device_ga(ga.size());
        status = gate_backward_cuda<T>(rows, channels, given_f.data(), device_gy.data(),
                                       device_ga.data(), nullptr);
        ASSERT_TRUE(status.ok()) << status.message;
        expect_close(floats(device_ga.download()), ga, tolerance, shape);
      }
}

TEST_F(GateDevice, FactorsAndBackwardAgreeWithTheCpu) {
  factors_agree<float>(5e-7);
  factors_agree<Bf16>(4e-3);
  factors_agree<Half>(5e-4);
}

}  // namespace
}  // namespace fluvox::kernels
