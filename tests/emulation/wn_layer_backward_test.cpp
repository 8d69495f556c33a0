#include "kernels/wn_layer_backward.h"

#include "core/error.h"
#include "emulation/device_test.h"
#include "emulation/operands.h"

namespace fluvox::kernels {
namespace {

template <class T>
class WnLayerBackwardOf : public DeviceTest {};
using Types = testing::Types<Bf16, Half, float>;
TYPED_TEST_SUITE(WnLayerBackwardOf, Types);

template <class T>
void expect_agreement(int channels, bool last, int outputs, int condition, std::ptrdiff_t dilation,
                      const std::vector<Span>& all) {
  const int residual = last ? 0 : channels, columns = residual + outputs;
  const int dr_size = (columns + 7) / 8 * 8, stride = 2 * channels + 8;
  const std::vector<T> x = series<T>(all, 1, channels, channels + 8, 1);
  const std::vector<T> features = series<T>(all, 1, condition, condition + 8, 2);
  std::vector<T> dr = series<T>(all, 1, dr_size, dr_size, 3);
  for (std::size_t i = 0; i < dr.size(); ++i)
    if (i % static_cast<std::size_t>(dr_size) >= static_cast<std::size_t>(columns))
      dr[i] = stored<T>(0);
  const auto size = static_cast<std::size_t>(channels);
  const std::size_t inputs = 3 * size + static_cast<std::size_t>(condition);
  const std::vector<float> in =
      random_floats(inputs * 2 * size, 4, 1 / std::sqrt(static_cast<float>(inputs)));
  const std::vector<float> in_bias = random_floats(2 * size, 5, 0.3f);
  const std::vector<float> after =
      random_floats(size * static_cast<std::size_t>(columns), 6, 1 / std::sqrt(float(columns)));
  const std::vector<float> after_bias(static_cast<std::size_t>(columns));
  const WnWeights weights = {in.data(), in_bias.data(), after.data(), after_bias.data()};

  const auto layer_of = [&](const T* h, const T* f) {
    WnLayer<T> layer{};
    layer.channels = channels;
    layer.residual = residual;
    layer.outputs = outputs;
    for (const std::ptrdiff_t offset : {-dilation, std::ptrdiff_t{0}, dilation})
      layer.segments.add(h, channels + 8, channels, offset);
    if (condition > 0) layer.segments.add(f, condition + 8, condition);
    return layer;
  };
  const std::size_t rows = rows_of(all), whole = rows * static_cast<std::size_t>(stride);
  std::vector<T> da(whole, stored<T>(NAN)), g = da;
  const int count = static_cast<int>(all.size());
  wn_layer_backward_cpu<T>(layer_of(x.data(), features.data()), weights,
                           {dr.data(), dr_size, da.data(), stride, g.data(), stride}, all.data(),
                           count);

  DeviceArray<T> device_x(x), device_features(features), device_dr(dr), device_da(whole),
      device_g(whole);
  const WnLayer<T> layer = layer_of(device_x.data(), device_features.data());
  std::vector<float> packed(wn_packed_bytes(layer) / sizeof(float));
  pack_wn(layer, weights, packed.data());
  DeviceArray<float> device_packed(packed);
  std::vector<T> back(wn_packed_back_size(layer));
  pack_wn_back(layer, after.data(), back.data());
  DeviceArray<T> device_back(back);
  DeviceArray<Span> spans(all);
  std::ptrdiff_t made = 0;
  for (const Span& span : all) made += span.end - span.begin;
  const Status status = wn_layer_backward_cuda<T>(
      layer, wn_packed_at(layer, device_packed.data()), device_back.data(),
      {device_dr.data(), dr_size, device_da.data(), stride, device_g.data(), stride}, spans.data(),
      count, made, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  const std::string name = text(channels, " channels, ", made, " rows");
  expect_same_rows(values_of(device_da.download()), values_of(da), kTolerance<T>, name + ", da");
  expect_same_rows(values_of(device_g.download()), values_of(g), kTolerance<T>, name + ", g");
}

TYPED_TEST(WnLayerBackwardOf, AgreesWithTheCpu) {
  expect_agreement<TypeParam>(16, false, 2, 0, 1, {{0, 1, 0, 1}});
  expect_agreement<TypeParam>(48, false, 8, 8, 3, {{0, 64, 0, 64}});
  expect_agreement<TypeParam>(80, false, 4, 0, 2, {{0, 9, 0, 9}});  // more than a pass
  expect_agreement<TypeParam>(16, true, 8, 24, 200, {{0, 5, 0, 7}, {10, 75, 8, 75}});
}

}  // namespace
}  // namespace fluvox::kernels
