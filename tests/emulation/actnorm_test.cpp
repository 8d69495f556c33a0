#include "kernels/actnorm.h"

#include "core/error.h"
#include "emulation/device_test.h"

namespace fluvox::kernels {
namespace {

using ActNormDevice = DeviceTest;

template <class T>
void agree(double tolerance) {
  struct Shape {
    int items, channels, columns;
  };
  for (const Shape& shape : {Shape{1, 1, 1},
                             {2, 3, 0},
                             {2, 3, 127},
                             {1, 2, 128},
                             {3, 2, 129},
                             {1, 1, 1024},
                             {2, 1, 1025}}) {
    const auto [items, channels, columns] = shape;
    const std::string name = text(items, " items, ", channels, " channels, ", columns, " columns");
    const auto n = static_cast<std::size_t>(channels);
    const auto size = static_cast<std::size_t>(items * channels * columns);
    const std::vector<float> s = random_floats(n, 1, 0.5f), b = random_floats(n, 2);
    const std::vector<float> x = kept_as<T>(random_floats(size, 3)),
                             given = kept_as<T>(random_floats(size, 4));
    DeviceArray<float> device_s(s), device_b(b);
    DeviceArray<T> device_x(numbers<T>(x)), device_given(numbers<T>(given));
    const auto batch = [&](auto* data) {
      return Batch<std::remove_reference_t<decltype(*data)>>{data, channels * columns, columns, 1};
    };
    for (const bool forward : {true, false}) {
      std::vector<float> z(size), made(size);
      std::vector<double> gs(n), gb(n);
      for (int item = 0; item < items; ++item) {
        const int at = item * channels * columns;
        const auto affine = forward ? actnorm_forward_cpu<float> : actnorm_inverse_cpu<float>;
        affine(channels, columns, s.data(), b.data(), {x.data() + at, columns},
               {z.data() + at, columns});
        actnorm_backward_cpu<float>(forward, channels, columns, s.data(), b.data(),
                                    {x.data() + at, columns}, {given.data() + at, columns},
                                    {made.data() + at, columns}, gs.data(), gb.data());
      }
      DeviceArray<T> device_z(size), device_made(size);
      DeviceArray<double> sums(2 * n * static_cast<std::size_t>(actnorm_pieces(items, columns))),
          device_gs(n), device_gb(n);
      const auto affine = forward ? actnorm_forward_cuda<T> : actnorm_inverse_cuda<T>;
      Status status = affine(items, channels, columns, device_s.data(), device_b.data(),
                             batch(device_x.data()).constant(), batch(device_z.data()), nullptr);
      ASSERT_TRUE(status.ok()) << status.message;
      expect_close(floats(device_z.download()), z, tolerance, name);
      status = actnorm_backward_cuda<T>(
          forward, items, channels, columns, device_s.data(), device_b.data(),
          batch(device_x.data()).constant(), batch(device_given.data()).constant(),
          batch(device_made.data()), sums.data(), device_gs.data(), device_gb.data(), nullptr);
      ASSERT_TRUE(status.ok()) << status.message;
      expect_close(floats(device_made.download()), made, tolerance, name);
      expect_close(device_gs.download(), gs, 1e-5, name);
      expect_close(device_gb.download(), gb, 1e-5, name);
    }
  }
}

TEST_F(ActNormDevice, AgreesWithTheCpu) {
  agree<float>(1e-6);
  agree<Bf16>(4e-3);
  agree<Half>(5e-4);
}

}  // namespace
}  // namespace fluvox::kernels
