#include "kernels/wn_layer.h"

#include "core/error.h"
#include "emulation/device_test.h"
#include "emulation/operands.h"

namespace fluvox::kernels {
namespace {

using WnLayerDevice = DeviceTest;

struct Case {
  int channels, outputs, condition;  // condition: 0 for none
  std::vector<std::ptrdiff_t> offsets;
  std::vector<Span> spans;
  bool last = false;
  WnTile tile = WnTile::narrow;
  float scale = 1;

  std::ptrdiff_t made() const {
    std::ptrdiff_t sum = 0;
    for (const Span& span : spans) sum += span.end - span.begin;
    return sum;
  }
};

struct Result {
  std::vector<float> h, x, out;
};

template <class T>
class Problem {
 public:
  explicit Problem(const Case& c) : case_(c), stride_(c.channels + 16) {
    x_ = series<T>(c.spans, 1, c.channels, stride_, 1);
    features_ = series<T>(c.spans, 1, c.condition, c.condition + 8, 2);
    const std::size_t rows = rows_of(c.spans);
    h_ = random_floats(rows * static_cast<std::size_t>(c.channels), 3);
    out_ = random_floats(rows * static_cast<std::size_t>(c.outputs), 4);
    const auto inputs = c.offsets.size() * static_cast<std::size_t>(c.channels) +
                        static_cast<std::size_t>(c.condition);
    const auto channels = static_cast<std::size_t>(c.channels);
    const std::size_t columns = channels * (c.last ? 0 : 1) + static_cast<std::size_t>(c.outputs);
    in_ = random_floats(inputs * 2 * channels, 5, 1 / std::sqrt(static_cast<float>(inputs)));
    in_bias_ = random_floats(2 * channels, 6, 0.3f);
    after_ = random_floats(channels * columns, 7, 1 / std::sqrt(static_cast<float>(channels)));
    after_bias_ = random_floats(columns, 8, 0.3f);
  }

  Result on_cpu() const {
    std::vector<float> h(h_.size()), out = out_;
    std::vector<T> x_next(h_.size(), stored<T>(NAN));
    std::fill(h.begin(), h.end(), NAN);
    const WnLayer<T> layer =
        layer_of(x_.data(), features_.data(), h_.data(), h.data(), x_next.data(), out.data());
    wn_layer_cpu(layer, weights(), case_.spans.data(), static_cast<int>(case_.spans.size()));
    return {h, values_of(x_next), out};
  }

  Result on_device() const {
    DeviceArray<T> x(x_), features(features_), x_next(h_.size());
    DeviceArray<float> h(h_), h_next(h_.size()), out(out_);
    const WnLayer<T> layer =
        layer_of(x.data(), features.data(), h.data(), h_next.data(), x_next.data(), out.data());
    std::vector<float> packed(wn_packed_bytes(layer) / sizeof(float));
    pack_wn(layer, weights(), packed.data());
    DeviceArray<float> device_packed(packed);
    DeviceArray<Span> spans(case_.spans);
    const Status status =
        wn_layer_cuda(layer, wn_packed_at(layer, device_packed.data()), spans.data(),
                      static_cast<int>(case_.spans.size()), case_.made(), nullptr, case_.tile);
    EXPECT_TRUE(status.ok()) << status.message;
    return {h_next.download(), values_of(x_next.download()), out.download()};
  }

 private:
  WnWeights weights() const {
    return {in_.data(), in_bias_.data(), after_.data(), after_bias_.data()};
  }

  WnLayer<T> layer_of(const T* x, const T* features, const float* h, float* h_next, T* x_next,
                      float* out) const {
    WnLayer<T> layer{};
    layer.channels = case_.channels;
    layer.residual = case_.last ? 0 : case_.channels;
    layer.outputs = case_.outputs;
    for (const std::ptrdiff_t offset : case_.offsets)
      layer.segments.add(x, stride_, case_.channels, offset);
    if (case_.condition > 0) layer.segments.add(features, case_.condition + 8, case_.condition);
    layer.scale = case_.scale;
    layer.h = h;
    layer.h_next = h_next;
    layer.x_next = x_next;
    layer.h_stride = layer.h_next_stride = layer.x_next_stride = case_.channels;
    layer.out = out;
    layer.out_stride = case_.outputs;
    return layer;
  }

  Case case_;
  int stride_;
  std::vector<T> x_, features_;
  std::vector<float> h_, out_, in_, in_bias_, after_, after_bias_;
};

template <class T>
void expect_agreement(const Case& c, const std::string& name) {
  const Problem<T> problem(c);
  const Result expected = problem.on_cpu(), actual = problem.on_device();
  expect_same_rows(actual.h, expected.h, kTolerance<T>, name + ", h");
  expect_same_rows(actual.x, expected.x, kTolerance<T>, name + ", x");
  expect_same_rows(actual.out, expected.out, kTolerance<T>, name + ", out");
}

std::vector<std::ptrdiff_t> taps(std::ptrdiff_t dilation) { return {-dilation, 0, dilation}; }

template <class T>
class WnLayerOf : public DeviceTest {};
using Types = testing::Types<Bf16, Half, float>;
TYPED_TEST_SUITE(WnLayerOf, Types);

// Rows at the edges of a tile of 64, dilations beyond what there is to look at, more panels than
// one pass takes, chunks of inputs that are not full.
TYPED_TEST(WnLayerOf, AgreesWithTheCpu) {
  expect_agreement<TypeParam>({16, 2, 0, taps(1), {{0, 1, 0, 1}}}, "1 row");
  expect_agreement<TypeParam>({16, 8, 8, taps(128), {{0, 63, 0, 63}}}, "63 rows, dilation 128");
  expect_agreement<TypeParam>({48, 3, 24, taps(4), {{0, 64, 0, 64}}}, "64 rows, 48 channels");
  expect_agreement<TypeParam>({32, 8, 8, taps(32), {{0, 65, 0, 65}}}, "65 rows, dilation 32");
}

TYPED_TEST(WnLayerOf, AsWideAsWaveGlow64) {
  expect_agreement<TypeParam>({64, 8, 80, taps(2), {{0, 20, 0, 20}}}, "64 channels");
}

TYPED_TEST(WnLayerOf, AsWideAsWaveGlow) {
  const Case narrow{128, 8, 0, {-2, 0}, {{0, 9, 0, 9}}};
  Case wide{256, 8, 0, {0}, {{0, 5, 0, 5}}};
  wide.tile = WnTile::wide;
  expect_agreement<TypeParam>(narrow, "128 channels");
  expect_agreement<TypeParam>(wide, "256 channels");
}

TYPED_TEST(WnLayerOf, MorePanelsThanAPass) {
  expect_agreement<TypeParam>({80, 100, 0, {0}, {{0, 5, 0, 5}}}, "80 channels, 100 outputs");
}

TYPED_TEST(WnLayerOf, TheLastLayerHasNoResidual) {
  expect_agreement<TypeParam>({16, 8, 8, taps(1), {{0, 9, 0, 9}}, true}, "last layer");
}

TYPED_TEST(WnLayerOf, SkipsAsOutputsAndAScale) {
  expect_agreement<TypeParam>(
      {16, 16, 0, {-4, -2, 0}, {{0, 9, 0, 9}}, false, WnTile::narrow, std::sqrt(0.5f)}, "causal");
}

// Utterances one after the other, a stream with its past, one of no rows.
TYPED_TEST(WnLayerOf, Spans) {
  expect_agreement<TypeParam>(
      {16, 2, 8, taps(2), {{0, 5, 0, 7}, {12, 14, 9, 14}, {14, 14, 14, 14}, {15, 40, 15, 40}}},
      "spans");
}

TYPED_TEST(WnLayerOf, WideTiles) {
  expect_agreement<TypeParam>({80, 8, 8, taps(1), {{0, 20, 0, 20}}, false, WnTile::wide}, "wide");
}

// A row comes out the same whichever tile, span and place in it make it.
TYPED_TEST(WnLayerOf, ARowsBitsAreItsOwn) {
  const Case whole{16, 3, 8, taps(1), {{0, 70, 0, 70}}};
  Case parts = whole, wide = whole;
  parts.spans = {{0, 3, 0, 70}, {3, 69, 0, 70}, {69, 70, 0, 70}};
  wide.tile = WnTile::wide;
  const Result expected = Problem<TypeParam>(whole).on_device();
  for (const Case& c : {parts, wide}) {
    const Result actual = Problem<TypeParam>(c).on_device();
    for (std::size_t i = 0; i < 70 * 16; ++i) ASSERT_EQ(actual.h[i], expected.h[i]) << i;
    for (std::size_t i = 0; i < 70 * 3; ++i) ASSERT_EQ(actual.out[i], expected.out[i]) << i;
  }
}

// A row of WaveFlow is a layer whose nine taps lie in three rows of the grid, each with its own
// base, and look dilation columns to either side.
TYPED_TEST(WnLayerOf, ARowOfWaveFlow) {
  using T = TypeParam;
  constexpr int kColumns = 20, kChannels = 16, kCondition = 8, kDilation = 4;
  const std::vector<Span> span = {{0, kColumns, 0, kColumns}};
  std::vector<std::vector<T>> rows;
  for (unsigned r = 0; r < 3; ++r) rows.push_back(series<T>(span, 1, kChannels, kChannels, 30 + r));
  const std::vector<T> features = series<T>(span, 1, kCondition, kCondition, 33);
  const std::vector<float> in = random_floats((9 * kChannels + kCondition) * 2 * kChannels, 34,
                                              1 / std::sqrt(9.0f * kChannels));
  const std::vector<float> in_bias = random_floats(2 * kChannels, 35, 0.3f);
  const std::vector<float> after = random_floats(kChannels * (kChannels + 2), 36, 0.25f);
  const std::vector<float> after_bias = random_floats(kChannels + 2, 37, 0.3f);
  const WnWeights weights = {in.data(), in_bias.data(), after.data(), after_bias.data()};
  const std::vector<float> h = random_floats(kColumns * kChannels, 38);
  const std::vector<float> before = random_floats(kColumns * 2, 39);

  const auto layer_of = [&](const std::vector<const T*>& row, const T* condition, const float* from,
                            float* h_next, T* x_next, float* out) {
    WnLayer<T> layer{};
    layer.channels = layer.residual = kChannels;
    layer.outputs = layer.out_stride = 2;
    for (const T* x : row)
      for (const int offset : {-kDilation, 0, kDilation})
        layer.segments.add(x, kChannels, kChannels, offset);
    layer.segments.add(condition, kCondition, kCondition);
    layer.h_stride = layer.h_next_stride = layer.x_next_stride = kChannels;
    layer.h = from;
    layer.h_next = h_next;
    layer.x_next = x_next;
    layer.out = out;
    return layer;
  };
  std::vector<float> h_next(h.size()), out = before;
  std::vector<T> x_next(h.size());
  wn_layer_cpu(layer_of({rows[0].data(), rows[1].data(), rows[2].data()}, features.data(), h.data(),
                        h_next.data(), x_next.data(), out.data()),
               weights, span.data(), 1);

  DeviceArray<T> first(rows[0]), second(rows[1]), third(rows[2]), device_features(features),
      device_x_next(h.size());
  DeviceArray<float> device_h(h), device_h_next(h.size()), device_out(before);
  const WnLayer<T> layer =
      layer_of({first.data(), second.data(), third.data()}, device_features.data(), device_h.data(),
               device_h_next.data(), device_x_next.data(), device_out.data());
  std::vector<float> packed(wn_packed_bytes(layer) / sizeof(float));
  pack_wn(layer, weights, packed.data());
  DeviceArray<float> device_packed(packed);
  DeviceArray<Span> spans(span);
  const Status status = wn_layer_cuda(layer, wn_packed_at(layer, device_packed.data()),
                                      spans.data(), 1, kColumns, nullptr);
  ASSERT_TRUE(status.ok()) << status.message;
  expect_close(device_h_next.download(), h_next, kTolerance<T>, "h");
  expect_close(device_out.download(), out, kTolerance<T>, "out");
}

// What is not there is no segment: the bits are those of rows of zeros.
TYPED_TEST(WnLayerOf, DroppedSegmentsAreZeros) {
  using T = TypeParam;
  constexpr int kRows = 5, kChannels = 16;
  const std::vector<Span> span = {{0, kRows, 0, kRows}};
  const std::vector<float> in = random_floats(3 * kChannels * 2 * kChannels, 1, 0.2f);
  const std::vector<float> bias = random_floats(2 * kChannels, 2),
                           after = random_floats(kChannels * 2, 3),
                           after_bias = random_floats(2, 4);
  DeviceArray<T> x(series<T>(span, 1, kChannels, kChannels, 5)),
      zeros(std::vector<T>((kRows + 1) * kChannels, stored<T>(0.0f)));
  DeviceArray<Span> spans(span);
  const auto out_of = [&](bool dropped) {
    DeviceArray<float> out(std::vector<float>(kRows * 2));
    WnLayer<T> layer{};
    layer.channels = kChannels;
    layer.outputs = layer.out_stride = 2;
    layer.out = out.data();
    for (int s = 0; s < 3; ++s)
      layer.segments.add(s < 2 ? zeros.data() : x.data(), kChannels, kChannels, s);
    std::vector<float> packed(wn_packed_bytes(layer) / sizeof(float));
    pack_wn(layer, {in.data(), bias.data(), after.data(), after_bias.data()}, packed.data());
    DeviceArray<float> device_packed(packed);
    WnPacked<T> weights = wn_packed_at(layer, device_packed.data());
    if (dropped) drop_segments(2, layer, weights);
    const Status status = wn_layer_cuda(layer, weights, spans.data(), 1, kRows, nullptr);
    EXPECT_TRUE(status.ok()) << status.message;
    return out.download();
  };
  EXPECT_EQ(out_of(true), out_of(false));
}

TEST_F(WnLayerDevice, NoRowsAreNoLaunch) {
  const Case c{16, 2, 0, taps(1), {{0, 0, 0, 0}}};
  const Result result = Problem<float>(c).on_device();
  EXPECT_TRUE(std::isnan(result.h[0]));
}

}  // namespace
}  // namespace fluvox::kernels
