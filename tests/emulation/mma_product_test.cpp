// mma_product.h and mma_outer.h
#include "kernels/mma_product.h"

#include <memory>

#include "core/error.h"
#include "emulation/device_test.h"
#include "emulation/operands.h"
#include "kernels/mma_outer.h"

namespace fluvox::kernels {
namespace {

using MmaDevice = DeviceTest;
template <class T>
class MmaOf : public DeviceTest {};
using Types = testing::Types<Bf16, Half, float>;
TYPED_TEST_SUITE(MmaOf, Types);

struct Case {
  int outputs;
  std::vector<int> inputs;
  std::vector<std::ptrdiff_t> offsets;
  std::vector<Span> spans;
  bool dressed = true;  // with bias and before, and a rounded result
  bool relu = false;

  std::ptrdiff_t made() const {
    std::ptrdiff_t sum = 0;
    for (const Span& span : spans) sum += span.end - span.begin;
    return sum;
  }
};

template <class T>
void expect_product(const Case& c) {
  const std::size_t rows = rows_of(c.spans), outputs = static_cast<std::size_t>(c.outputs);
  std::vector<std::vector<T>> x;
  std::vector<std::unique_ptr<DeviceArray<T>>> device_x;
  std::size_t inputs = 0;
  for (const int i : c.inputs) {
    x.push_back(series<T>(c.spans, 1, i, i + 8, static_cast<unsigned>(i)));
    device_x.push_back(std::make_unique<DeviceArray<T>>(x.back()));
    inputs += static_cast<std::size_t>(i);
  }
  // As T has them: what is left is the sums' own error.
  const std::vector<float> w = values_of(all_rounded<T>(
      random_floats(inputs * outputs, 1, 1 / std::sqrt(static_cast<float>(inputs)))));
  const std::vector<float> bias = random_floats(outputs, 2),
                           before = random_floats(rows * outputs, 3);
  DeviceArray<float> device_bias(bias), device_before(before), device_y(rows * outputs);
  DeviceArray<T> device_rounded(rows * outputs);
  MmaProduct<T> product;
  product.outputs = c.outputs;
  product.y_stride = product.before_stride = product.rounded_stride = c.outputs;
  product.keep = 0.5f;
  product.rounded_scale = 2;
  product.relu = c.relu;

  MmaProduct<T> on_cpu = product;
  std::vector<float> y(rows * outputs, NAN);
  std::vector<T> rounded_y(rows * outputs, stored<T>(NAN)), packed;
  on_cpu.y = y.data();
  product.y = device_y.data();
  if (c.dressed) {
    on_cpu.bias = bias.data(), product.bias = device_bias.data();
    on_cpu.before = before.data(), product.before = device_before.data();
    on_cpu.rounded = rounded_y.data(), product.rounded = device_rounded.data();
  }
  const float* part = w.data();
  for (std::size_t s = 0; s < c.inputs.size(); ++s) {
    const int size = c.inputs[s];
    on_cpu.segments.add(x[s].data(), size + 8, size, c.offsets[s]);
    product.segments.add(device_x[s]->data(), size + 8, size, c.offsets[s]);
    const std::size_t at = packed.size();
    packed.resize(at + mma_packed_size<T>(size, c.outputs));
    pack_mma<T>(
        size, c.outputs, [&](int i, int o) { return part[i * c.outputs + o]; }, packed.data() + at);
    part += size * c.outputs;
  }
  const int count = static_cast<int>(c.spans.size());
  mma_product_cpu(on_cpu, w.data(), c.spans.data(), count);
  DeviceArray<T> device_w(packed);
  DeviceArray<Span> spans(c.spans);
  const Status status =
      mma_product_cuda<T>(product, device_w.data(), spans.data(), count, c.made(), nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  const std::string name = text(c.outputs, " outputs, ", inputs, " inputs");
  expect_same_rows(device_y.download(), y, 2e-5, name);
  expect_same_rows(values_of(device_rounded.download()), values_of(rounded_y), kTolerance<T>, name);
}

TYPED_TEST(MmaOf, ProductAgreesWithTheCpu) {
  expect_product<TypeParam>({2, {8}, {0}, {{0, 1, 0, 1}}, false});
  expect_product<TypeParam>({16, {32, 40}, {-3, 70}, {{0, 63, 0, 63}, {64, 130, 63, 140}}});
  expect_product<TypeParam>({130, {24}, {1}, {{0, 65, 0, 65}}});
  expect_product<TypeParam>({16, {24}, {0}, {{0, 3, 0, 3}}, true, true});
}

template <class T>
void expect_outer(int inputs, int outputs, std::ptrdiff_t offset, const std::vector<Span>& all) {
  const std::vector<T> x = series<T>(all, 1, inputs, inputs + 8, 1);
  const std::vector<T> d = series<T>(all, 1, outputs, outputs + 16, 2);
  DeviceArray<T> device_x(x), device_d(d);
  std::vector<float> expected(static_cast<std::size_t>((inputs + 1) * outputs));
  const int count = static_cast<int>(all.size());
  mma_outer_cpu<T>({x.data(), inputs + 8, inputs, offset, d.data(), outputs + 16, outputs},
                   all.data(), count, expected.data());
  std::ptrdiff_t made = 0;
  for (const Span& span : all) made += span.end - span.begin;
  const MmaOuter<T> outer = {device_x.data(), inputs + 8,   inputs, offset,
                             device_d.data(), outputs + 16, outputs};
  DeviceArray<float> workspace(outer.workspace(made, count)), result(expected.size());
  DeviceArray<Span> spans(all);
  const Status status =
      mma_outer_cuda(outer, spans.data(), count, made, workspace.data(), result.data(), nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  // The operands are exact, so all types come as close.
  expect_close(result.download(), expected, 1e-4, text(inputs, " x ", outputs, " over ", made));
}

TYPED_TEST(MmaOf, OuterAgreesWithTheCpu) {
  expect_outer<TypeParam>(8, 8, 0, {{0, 1, 0, 1}});
  expect_outer<TypeParam>(72, 24, -2, {{0, 31, 0, 31}, {33, 98, 32, 99}});
  expect_outer<TypeParam>(16, 136, 4, {{0, 33, 0, 33}});
  expect_outer<TypeParam>(8, 8, 0, {});
}

// More slices than one in a span, and fewer than the launch has room for.
TEST_F(MmaDevice, OuterOverManySlices) {
  expect_outer<float>(8, 8, 1,
                      {{0, kOuterRows + 40, 0, kOuterRows + 40},
                       {kOuterRows + 40, kOuterRows + 41, kOuterRows, kOuterRows + 42}});
}

}  // namespace
}  // namespace fluvox::kernels
