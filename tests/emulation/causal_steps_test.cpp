#include "kernels/causal_steps.h"

#include <utility>

#include "core/error.h"
#include "emulation/device_test.h"
#include "emulation/operands.h"

namespace fluvox::kernels {
namespace {

std::size_t weight_count(const CausalShape& n, bool bias) {
  std::size_t count = 0;
  const auto matrix = [&](int inputs, int outputs) {
    count += static_cast<std::size_t>((bias ? 1 : inputs) * outputs);
  };
  matrix(n.front * n.inputs, n.channels);
  for (int l = 0; l < n.layers; ++l) {
    matrix(n.layer_inputs(), 2 * n.channels);
    matrix(n.channels, n.sent(l));
  }
  matrix(n.channels, n.channels);
  matrix(n.channels, 2 * n.inputs);
  return count;
}

// Some series, each the same rows from another place on, in launches of so many rows of each; with
// the CPU's twin or on the device. The state is what was left by others.
template <class W>
std::vector<float> sampled(const CausalShape& n, int series, const std::vector<int>& launches,
                           bool on_device) {
  std::size_t rows = 0;
  for (const int some : launches) rows += static_cast<std::size_t>(some);
  const auto inputs = static_cast<std::size_t>(n.inputs);
  const std::vector<W> w = all_rounded<W>(random_floats(weight_count(n, false), 1, 0.3f));
  const std::vector<float> bias = random_floats(weight_count(n, true), 2, 0.2f);
  const std::vector<float> z = random_floats(rows * inputs, 3);
  const std::vector<float> features =
      random_floats(rows * static_cast<std::size_t>(n.condition), 4);
  const auto count = static_cast<std::size_t>(series);
  std::vector<float> state(n.state_size() * count, 3.0f), all;
  DeviceArray<W> device_w(w);
  DeviceArray<float> device_bias(bias), device_state(state);
  std::size_t done = 0;
  for (const int some : launches) {
    std::vector<float> z_now, features_now;
    std::vector<Span> spans;
    for (std::size_t s = 0; s < count; ++s) {
      const auto begin = static_cast<std::ptrdiff_t>(s) * some;
      const auto from = begin - static_cast<std::ptrdiff_t>(done);
      spans.push_back({begin, begin + some, from, from + static_cast<std::ptrdiff_t>(rows)});
      for (std::size_t t = 0; t < static_cast<std::size_t>(some); ++t) {
        const std::size_t row = (done + t + s) % rows;
        const auto put = [&](const std::vector<float>& all_rows, std::size_t size,
                             std::vector<float>& to) {
          for (std::size_t i = 0; i < size; ++i) to.push_back(all_rows[row * size + i]);
        };
        put(z, inputs, z_now);
        put(features, static_cast<std::size_t>(n.condition), features_now);
      }
    }
    done += static_cast<std::size_t>(some);
    std::vector<float> x(z_now.size());
    if (on_device) {
      DeviceArray<float> device_z(z_now), device_features(features_now), device_x(z_now.size());
      DeviceArray<Span> device_spans(spans);
      const Status status = causal_steps_cuda<W>(
          n, {device_w.data(), device_bias.data()}, device_spans.data(), series, device_z.data(),
          device_features.data(), device_state.data(), device_x.data(), nullptr);
      EXPECT_TRUE(status.ok()) << status.message;
      x = device_x.download();
    } else {
      causal_steps_cpu<W>(n, {w.data(), bias.data()}, spans.data(), series, z_now.data(),
                          features_now.data(), state.data(), x.data());
    }
    all.insert(all.end(), x.begin(), x.end());
  }
  return all;
}

template <class W>
class CausalStepsOf : public DeviceTest {};
using Types = testing::Types<Bf16, Half, float>;
TYPED_TEST_SUITE(CausalStepsOf, Types);

template <class W>
void expect_agreement(const CausalShape& n, int series, const std::vector<int>& launches) {
  const std::string name =
      text(n.channels, " channels, ", n.layers, " layers, ", series, " series");
  expect_close(sampled<W>(n, series, launches, true), sampled<W>(n, series, launches, false), 1e-4,
               name);
}

// Longer than every ring, in several launches.
TYPED_TEST(CausalStepsOf, AgreesWithTheCpu) {
  expect_agreement<TypeParam>({1, 4, 1, 1, 2, 1, 0, 0.5f}, 1, {3});
  expect_agreement<TypeParam>({1, 8, 4, 3, 3, 5, 6, 1.0f}, 2, {1, 14});
  expect_agreement<TypeParam>({2, 5, 2, 2, 1, 2, 1, 0.0f}, 1, {1, 2});
}

TYPED_TEST(CausalStepsOf, MoreOutputsThanThreads) {
  expect_agreement<TypeParam>({1, 72, 1, 1, 1, 1, 0, 1.0f}, 1, {1});
}

TYPED_TEST(CausalStepsOf, BitsDependOnNeitherLaunchesNorCompany) {
  const CausalShape n = {1, 4, 2, 2, 2, 2, 3, 1.0f};
  const std::vector<float> whole = sampled<TypeParam>(n, 1, {4}, true);
  EXPECT_EQ(sampled<TypeParam>(n, 1, {1, 3}, true), whole);
  const std::vector<float> batch = sampled<TypeParam>(n, 2, {4}, true);
  EXPECT_EQ(std::vector<float>(batch.begin(), batch.begin() + 4), whole);
}

// A table may name fewer series than there is room for.
TYPED_TEST(CausalStepsOf, ASpanWithoutRowsIsLeftAlone) {
  const CausalShape n = {1, 4, 1, 1, 1, 1, 0, 1.0f};
  const std::vector<TypeParam> w =
      all_rounded<TypeParam>(random_floats(weight_count(n, false), 1, 0.3f));
  DeviceArray<TypeParam> device_w(w);
  DeviceArray<float> bias(random_floats(weight_count(n, true), 2)), z(random_floats(3, 3)), x(3),
      state(2 * n.state_size());
  DeviceArray<Span> spans(std::vector<Span>{{1, 3, 1, 3}, {0, 0, 0, 0}});
  ASSERT_TRUE(causal_steps_cuda<TypeParam>(n, {device_w.data(), bias.data()}, spans.data(), 2,
                                           z.data(), nullptr, state.data(), x.data(), nullptr)
                  .ok());
  const std::vector<float> made = x.download();
  EXPECT_TRUE(std::isnan(made[0]));
  EXPECT_TRUE(std::isfinite(made[1]) && std::isfinite(made[2]));
}

}  // namespace
}  // namespace fluvox::kernels
