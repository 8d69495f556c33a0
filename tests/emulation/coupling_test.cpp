#include "kernels/coupling.h"

#include "core/error.h"
#include "emulation/device_test.h"

namespace fluvox::kernels {
namespace {

using CouplingDevice = DeviceTest;

// x interleaved with what must stay as it is, raw and b interleaved with each other: the strides of
// couplings on every second bin.
struct Case {
  int rows, columns;
  ScaleBound bound;

  ConstView raw(const float* net) const { return {net, 2 * columns, 2}; }
  ConstView b(const float* net) const { return {net + 1, 2 * columns, 2}; }
  LogScale scale(const float* net) const { return {raw(net), bound, 1.5f}; }
  View view(float* x) const { return {x + 1, 2 * columns + 1, 2}; }
  std::size_t net_size() const { return static_cast<std::size_t>(rows * 2 * columns); }
  std::size_t x_size() const { return static_cast<std::size_t>(rows * (2 * columns + 1)); }
  std::string name() const {
    return text(rows, " rows, ", columns, " columns, bound ", static_cast<int>(bound));
  }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const ScaleBound bound : {ScaleBound::exact, ScaleBound::tanh, ScaleBound::sigmoid}) {
    for (const int rows : {0, 1, 31, 32, 33, 65}) all.push_back({rows, 4, bound});
    for (const int columns : {1, 2, 3, 31, 32, 33, 130}) all.push_back({9, columns, bound});
  }
  return all;
}

TEST_F(CouplingDevice, ForwardAgreesWithTheCpu) {
  for (const Case& c : cases()) {
    const std::vector<float> net = random_floats(c.net_size(), 5);
    std::vector<float> expected = random_floats(c.x_size(), 6);
    std::vector<double> expected_log_det(static_cast<std::size_t>(c.rows));
    DeviceArray<float> device_net(net), x(expected);
    DeviceArray<double> log_det(static_cast<std::size_t>(c.rows));
    coupling_forward_cpu(c.rows, c.columns, c.view(expected.data()), c.scale(net.data()),
                         c.b(net.data()), c.view(expected.data()), expected_log_det.data());
    const Status status =
        coupling_forward_cuda(c.rows, c.columns, c.view(x.data()), c.scale(device_net.data()),
                              c.b(device_net.data()), c.view(x.data()), log_det.data(), nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    expect_close(x.download(), expected, 1e-6, c.name());
    // In exact mode both sum the same floats in double; tanh may differ in its last place.
    expect_close(log_det.download(), expected_log_det, c.bound == ScaleBound::exact ? 1e-14 : 1e-5,
                 c.name());
  }
}

TEST_F(CouplingDevice, ForwardWithoutLogDeterminant) {
  const Case c{65, 4, ScaleBound::tanh};
  const std::vector<float> net = random_floats(c.net_size(), 5);
  std::vector<float> expected = random_floats(c.x_size(), 6);
  DeviceArray<float> device_net(net), x(expected);
  coupling_forward_cpu(c.rows, c.columns, c.view(expected.data()), c.scale(net.data()),
                       c.b(net.data()), c.view(expected.data()), nullptr);
  const Status status =
      coupling_forward_cuda(c.rows, c.columns, c.view(x.data()), c.scale(device_net.data()),
                            c.b(device_net.data()), c.view(x.data()), nullptr, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  expect_close(x.download(), expected, 1e-6, c.name());
}

TEST_F(CouplingDevice, InverseAgreesWithTheCpu) {
  for (const Case& c : cases()) {
    const std::vector<float> net = random_floats(c.net_size(), 7);
    std::vector<float> expected = random_floats(c.x_size(), 8);
    DeviceArray<float> device_net(net), x(expected);
    coupling_inverse_cpu(c.rows, c.columns, c.view(expected.data()), c.scale(net.data()),
                         c.b(net.data()), c.view(expected.data()));
    const Status status =
        coupling_inverse_cuda(c.rows, c.columns, c.view(x.data()), c.scale(device_net.data()),
                              c.b(device_net.data()), c.view(x.data()), nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    expect_close(x.download(), expected, 1e-6, c.name());
  }
}

TEST_F(CouplingDevice, LogDeterminantDoesNotDependOnTheOtherRows) {
  const Case c{65, 33, ScaleBound::exact};
  const std::vector<float> net = random_floats(c.net_size(), 9);
  DeviceArray<float> device_net(net), x(random_floats(c.x_size(), 10));
  DeviceArray<double> together(65), alone(1);
  Status status =
      coupling_forward_cuda(c.rows, c.columns, c.view(x.data()), c.scale(device_net.data()),
                            c.b(device_net.data()), c.view(x.data()), together.data(), nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  const float* last = device_net.data() + 64 * 2 * c.columns;
  const View row = c.view(x.data());
  status = coupling_forward_cuda(1, c.columns, row, c.scale(last), c.b(last), row, alone.data(),
                                 nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  EXPECT_EQ(alone.download()[0], together.download()[64]);
}

TEST_F(CouplingDevice, TotalAgreesWithTheCpu) {
  for (const int rows : {0, 1, 2, 127, 128, 129, 255, 257, 1500}) {
    const std::vector<float> values = random_floats(static_cast<std::size_t>(rows), 11, 100);
    const std::vector<double> log_dets(values.begin(), values.end());
    double expected = 0;
    log_det_total_cpu(rows, log_dets.data(), &expected);
    DeviceArray<double> device_log_dets(log_dets), total(1);
    const Status status = log_det_total_cuda(rows, device_log_dets.data(), total.data(), nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    expect_close(total.download(), {expected}, 1e-12, text(rows, " rows"));
  }
}

}  // namespace
}  // namespace fluvox::kernels
