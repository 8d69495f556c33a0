#include "kernels/coupling_batch.h"

#include "core/error.h"
#include "emulation/device_test.h"

namespace fluvox::kernels {
namespace {

using CouplingBatchDevice = DeviceTest;

// A batch [items][channels][times] of which every other channel changes, or the last ones; what a
// net made of the others is [items][parts][changing channels][times].
struct Case {
  int items, changing, times;
  ScaleBound bound = ScaleBound::tanh;
  bool shift = true, scale = true;  // whether the coupling has them
  bool interleaved = false;
  int kept = 0;  // channels

  int channels() const { return changing + kept; }
  int first() const { return interleaved ? 1 : kept; }
  std::size_t x_size() const { return static_cast<std::size_t>(items * channels() * times); }
  std::size_t net_size() const { return static_cast<std::size_t>(items * 2 * changing * times); }
  std::string name() const {
    return text(items, " items, ", changing, " channels of ", channels(), ", ", times,
                " times, bound ", static_cast<int>(bound), interleaved ? ", interleaved" : "");
  }
  template <class T>
  Places<T> places(T* x) const {
    const std::ptrdiff_t item = channels() * times, row = interleaved ? 2 * times : times;
    return {{x + first() * times, item, row, 1}, {x, item, row, 1}};
  }
  // part 0: b, part 1: raw
  template <class T>
  Batch<T> part(T* net, int which) const {
    if (!(which == 0 ? shift : scale)) return {};
    return {net + which * changing * times, 2 * changing * times, times, 1};
  }
  template <class T>
  CouplingBatch<T> batch(const T* net) const {
    return {items, changing, times, part(net, 1), part(net, 0), bound, 1.5f, kept, times};
  }
  // An item as the CPU's twin takes it.
  ConstView cpu_part(const float* net, int which, int item) const {
    static const float zero = 0;
    if (!(which == 0 ? shift : scale)) return {&zero, 0, 0};
    return {net + (item * 2 + which) * changing * times, times};
  }
  LogScale cpu_scale(const float* net, int item) const {
    return {cpu_part(net, 1, item), scale ? bound : ScaleBound::exact, 1.5f};
  }
  View cpu_changed(float* x, int item) const {
    return {x + (item * channels() + first()) * times, interleaved ? 2 * times : times};
  }
};

// In 16 bits the first few: what differs there is loading and storing.
template <class T>
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const ScaleBound bound : {ScaleBound::exact, ScaleBound::tanh, ScaleBound::sigmoid})
    all.push_back({2, 4, 33, bound, true, true, false, 4});
  if (sizeof(T) == 2) return all;
  for (const int times : {0, 1, 128, 129, 255, 256, 257})
    all.push_back({1, 2, times, ScaleBound::tanh, true, true, true, 2});
  all.push_back({3, 1, 20, ScaleBound::exact, true, false, false, 1});
  all.push_back({3, 1, 20, ScaleBound::exact, false, true, false, 2});
  all.push_back({2, 5, 7, ScaleBound::exact, true, true, false, 0});
  return all;
}

template <class T>
void forward_and_inverse_agree(double tolerance) {
  for (const Case& c : cases<T>()) {
    const std::vector<float> net = kept_as<T>(random_floats(c.net_size(), 1));
    const std::vector<float> x = kept_as<T>(random_floats(c.x_size(), 2));
    std::vector<float> z = x, back = x;
    std::vector<double> log_det(static_cast<std::size_t>(c.items), 0);
    for (int item = 0; item < c.items; ++item) {
      std::vector<double> rows(static_cast<std::size_t>(c.changing));
      coupling_forward_cpu(c.changing, c.times, c.cpu_changed(z.data(), item),
                           c.cpu_scale(net.data(), item), c.cpu_part(net.data(), 0, item),
                           c.cpu_changed(z.data(), item), rows.data());
      log_det_total_cpu(c.changing, rows.data(), &log_det[static_cast<std::size_t>(item)]);
      coupling_inverse_cpu(c.changing, c.times, c.cpu_changed(back.data(), item),
                           c.cpu_scale(net.data(), item), c.cpu_part(net.data(), 0, item),
                           c.cpu_changed(back.data(), item));
    }
    DeviceArray<T> device_net(numbers<T>(net)), device_x(numbers<T>(x)), device_z(x.size()),
        device_back(x.size());
    const CouplingBatch<T> batch = c.batch<T>(device_net.data());
    DeviceArray<double> sums(static_cast<std::size_t>(c.items * batch.pieces()));
    DeviceArray<double> device_log_det(log_det.size());
    const Places<const T> from = c.places<const T>(device_x.data());
    Status status = coupling_batch_forward_cuda(batch, from, c.places(device_z.data()), sums.data(),
                                                device_log_det.data(), nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    expect_close(floats(device_z.download()), z, tolerance, c.name());
    expect_close(device_log_det.download(), log_det, 1e-5, c.name());
    status = coupling_batch_inverse_cuda(batch, from, c.places(device_back.data()), nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    expect_close(floats(device_back.download()), back, tolerance, c.name());
  }
}

TEST_F(CouplingBatchDevice, ForwardAndInverseAgreeWithTheCpu) {
  forward_and_inverse_agree<float>(2e-6);
  forward_and_inverse_agree<Bf16>(4e-3);
  forward_and_inverse_agree<Half>(5e-4);
}

template <class T>
void backward_agrees(bool forward, double tolerance) {
  for (const Case& c : cases<T>()) {
    const std::vector<float> net = kept_as<T>(random_floats(c.net_size(), 3));
    std::vector<float> x = kept_as<T>(random_floats(c.x_size(), 4));
    const std::vector<float> given = kept_as<T>(random_floats(c.x_size(), 5));
    const std::vector<float> g = random_floats(static_cast<std::size_t>(c.items), 6);
    std::vector<float> gx = given, of_net(c.net_size(), 0);
    for (int item = 0; item < c.items; ++item) {
      float* b = of_net.data() + item * 2 * c.changing * c.times;
      const CouplingGradients<float> to = {c.cpu_changed(gx.data(), item),
                                           {c.shift ? b : nullptr, c.times},
                                           {c.scale ? b + c.changing * c.times : nullptr, c.times}};
      const ConstView from = c.cpu_changed(gx.data(), item);
      if (forward)
        coupling_backward_cpu(c.changing, c.times, c.cpu_changed(x.data(), item),
                              c.cpu_scale(net.data(), item), from,
                              g[static_cast<std::size_t>(item)], to);
      else
        coupling_inverse_backward_cpu(c.changing, c.times, c.cpu_changed(x.data(), item),
                                      c.cpu_scale(net.data(), item), from, to);
    }
    DeviceArray<T> device_net(numbers<T>(net)), device_x(numbers<T>(x)),
        device_given(numbers<T>(given)), device_gx(x.size()),
        device_of_net(numbers<T>(std::vector<float>(c.net_size(), 0)));
    DeviceArray<float> device_g(g);
    const CouplingBatchGradients<T> to = {c.places(device_gx.data()),
                                          c.part(device_of_net.data(), 0),
                                          c.part(device_of_net.data(), 1)};
    const Batch<const T> from = c.places<const T>(device_x.data()).changed;
    const Places<const T> gradient = c.places<const T>(device_given.data());
    const CouplingBatch<T> batch = c.batch<T>(device_net.data());
    const Status status =
        forward ? coupling_batch_backward_cuda(batch, from, gradient, device_g.data(), to, nullptr)
                : coupling_batch_inverse_backward_cuda(batch, from, gradient, to, nullptr);
    ASSERT_TRUE(status.ok()) << status.message;
    expect_close(floats(device_gx.download()), gx, tolerance, c.name());
    expect_close(floats(device_of_net.download()), of_net, tolerance, c.name());
  }
}

TEST_F(CouplingBatchDevice, BackwardAgreesWithTheCpu) {
  for (const bool forward : {true, false}) {
    backward_agrees<float>(forward, 4e-6);
    backward_agrees<Bf16>(forward, 4e-3);
    backward_agrees<Half>(forward, 5e-4);
  }
}

// An item alone has the bits that it has in a batch.
TEST_F(CouplingBatchDevice, LogDeterminantDoesNotDependOnTheOtherItems) {
  const Case c{3, 4, 300, ScaleBound::tanh, true, true, false, 4};
  DeviceArray<float> net(random_floats(c.net_size(), 7)), x(random_floats(c.x_size(), 8)),
      z(c.x_size());
  CouplingBatch<float> batch = c.batch<float>(net.data());
  DeviceArray<double> sums(static_cast<std::size_t>(3 * batch.pieces())), together(3), alone(1);
  ASSERT_GT(batch.pieces(), 1);
  ASSERT_TRUE(coupling_batch_forward_cuda(batch, c.places<const float>(x.data()),
                                          c.places(z.data()), sums.data(), together.data(), nullptr)
                  .ok());
  const Case one{1, 4, 300, ScaleBound::tanh, true, true, false, 4};
  batch = one.batch<float>(net.data() + 2 * one.net_size());
  ASSERT_TRUE(coupling_batch_forward_cuda(batch,
                                          one.places<const float>(x.data() + 2 * one.x_size()),
                                          one.places(z.data()), sums.data(), alone.data(), nullptr)
                  .ok());
  EXPECT_EQ(alone.download()[0], together.download()[2]);
}

}  // namespace
}  // namespace fluvox::kernels
