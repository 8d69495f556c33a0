#include "kernels/mixing.h"

#include "core/error.h"
#include "emulation/device_test.h"

namespace fluvox::kernels {
namespace {

using MixingDevice = DeviceTest;

// x is what a squeeze leaves in place where `squeezed`: the channels are neighbours.
struct Case {
  int items, channels, columns;
  bool squeezed = false;

  std::size_t size() const { return static_cast<std::size_t>(items * channels * columns); }
  std::size_t weights() const { return static_cast<std::size_t>(channels * channels); }
  std::string name() const {
    return text(items, " items, ", channels, " channels, ", columns, " columns",
                squeezed ? ", squeezed" : "");
  }
  template <class T>
  Batch<T> batch(T* x, bool in_place) const {
    if (in_place) return {x, channels * columns, 1, channels};
    return {x, channels * columns, columns, 1};
  }
  // The same numbers with the columns as neighbours, as the CPU wants them.
  std::vector<float> flat(const std::vector<float>& x) const {
    if (!squeezed) return x;
    std::vector<float> to(x.size());
    for (int b = 0; b < items; ++b)
      for (int c = 0; c < channels; ++c)
        for (int t = 0; t < columns; ++t)
          to[static_cast<std::size_t>((b * channels + c) * columns + t)] =
              x[static_cast<std::size_t>((b * columns + t) * channels + c)];
    return to;
  }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int columns : {0, 1, 31, 32, 33, 127, 128, 129, 512, 513})
    all.push_back({1, 4, columns, columns % 2 == 1});
  for (const int channels : {1, 7, 8, 9, 16, 17}) all.push_back({2, channels, 5, true});
  return all;
}

template <class T>
void forward_agrees(double tolerance) {
  for (const Case& c : cases())
    for (const bool transposed : {false, true}) {
      const std::vector<float> x = kept_as<T>(random_floats(c.size(), 1));
      const std::vector<float> w = random_floats(c.weights(), 2), given = c.flat(x);
      std::vector<float> z(x.size());
      const int row = transposed ? 1 : c.channels, column = transposed ? c.channels : 1;
      for (int item = 0; item < c.items; ++item)
        mixing_cpu(c.channels, c.columns, w.data(), row, column,
                   {given.data() + item * c.channels * c.columns, c.columns},
                   {z.data() + item * c.channels * c.columns, c.columns});
      DeviceArray<T> device_x(numbers<T>(x)), device_z(x.size());
      DeviceArray<float> device_w(w);
      const Status status = mixing_cuda<T>(c.items, c.channels, c.columns, device_w.data(), row,
                                           column, c.batch<const T>(device_x.data(), c.squeezed),
                                           c.batch(device_z.data(), false), nullptr);
      ASSERT_TRUE(status.ok()) << status.message;
      expect_close(floats(device_z.download()), z, tolerance, c.name());
    }
}

TEST_F(MixingDevice, AgreesWithTheCpu) {
  forward_agrees<float>(0);  // term by term the same sums
  forward_agrees<Bf16>(4e-3);
  forward_agrees<Half>(5e-4);
}

// Few shapes: where threads stand for lanes every shuffle is slow.
template <class T>
void gradient_agrees() {
  for (const Case& c : {Case{1, 1, 0}, {2, 3, 1}, {1, 2, 33, true}, {2, 1, 513}}) {
    const std::vector<float> x = kept_as<T>(random_floats(c.size(), 3)),
                             gz = kept_as<T>(random_floats(c.size(), 4));
    const std::vector<float> flat = c.flat(x);
    std::vector<double> gw(c.weights(), 0);
    for (int item = 0; item < c.items; ++item)
      mixing_weight_gradient_cpu(
          c.channels, c.columns, {gz.data() + item * c.channels * c.columns, c.columns},
          {flat.data() + item * c.channels * c.columns, c.columns}, gw.data());
    DeviceArray<T> device_x(numbers<T>(x)), device_gz(numbers<T>(gz));
    DeviceArray<float> sums(static_cast<std::size_t>(mixing_pieces(c.items, c.columns)) *
                            c.weights());
    DeviceArray<double> device_gw(c.weights());
    const Status status = mixing_weight_gradient_cuda<T>(
        c.items, c.channels, c.columns, c.batch<const T>(device_gz.data(), false),
        c.batch<const T>(device_x.data(), c.squeezed), sums.data(), device_gw.data(), nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    expect_close(device_gw.download(), gw, 1e-5, c.name());
  }
}

TEST_F(MixingDevice, WeightGradientAgreesWithTheCpu) {
  gradient_agrees<float>();
  gradient_agrees<Bf16>();
  gradient_agrees<Half>();
}

TEST_F(MixingDevice, InverseAndLogDetAgreeWithTheCpu) {
  for (const int n : {1, 2, 9}) {
    const std::vector<float> values = random_floats(static_cast<std::size_t>(n * n), 5);
    const std::vector<double> w(values.begin(), values.end());
    std::vector<double> inverse(w.size());
    std::vector<int> rows(static_cast<std::size_t>(n));
    double log_abs_det = 0;
    inverse_log_det_cpu(n, w.data(), rows.data(), inverse.data(), &log_abs_det);
    DeviceArray<double> device_w(w), device_inverse(w.size()), device_log(1);
    DeviceArray<int> device_rows(rows.size());
    const Status status = inverse_log_det_cuda(n, device_w.data(), device_rows.data(),
                                               device_inverse.data(), device_log.data(), nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    EXPECT_EQ(device_rows.download(), rows);
    EXPECT_EQ(device_inverse.download(), inverse) << n;
    expect_close(device_log.download(), {log_abs_det}, 1e-14, text(n, " channels"));
  }
}

TEST_F(MixingDevice, OfASingularMatrixTheLogDetIsMinusInfinity) {
  DeviceArray<double> w(std::vector<double>{1, 2, 2, 4}), inverse(4), log_abs_det(1);
  DeviceArray<int> rows(2);
  const Status status =
      inverse_log_det_cuda(2, w.data(), rows.data(), inverse.data(), log_abs_det.data(), nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  EXPECT_EQ(log_abs_det.download()[0], -INFINITY);
}

}  // namespace
}  // namespace fluvox::kernels
