#include "kernels/conv2d.h"

#include "core/error.h"
#include "emulation/device_test.h"
#include "emulation/operands.h"

namespace fluvox::kernels {
namespace {

struct Case {
  int columns, inputs, channels, dilation;
  std::vector<Span> spans;
  bool residual = true;  // whether there is an h
  Conv2dTile tile = Conv2dTile::small;
  int kernel = 3;

  std::size_t places() const { return rows_of(spans) * static_cast<std::size_t>(columns); }
};

enum class End { convolution, forward, inverse };

struct Result {
  std::vector<float> h, x, to;
  std::vector<double> log_scale;
};

template <class T>
class Problem {
 public:
  Problem(const Case& c, End end, float limit) : case_(c), end_(end), limit_(limit) {
    x_ = series<T>(c.spans, c.columns, c.inputs, stride(), 1);
    const auto channels = static_cast<std::size_t>(c.channels);
    h_ = random_floats(c.places() * channels, 2);
    from_ = random_floats(c.places() * 2, 3);
    const auto terms = static_cast<std::size_t>(c.kernel * c.kernel * c.inputs);
    w_ = random_floats(terms * channels, 4, 1 / std::sqrt(static_cast<float>(terms)));
    bias_ = random_floats(channels, 5, 0.3f);
    last_w_ = random_floats(2 * channels, 6, 1 / std::sqrt(static_cast<float>(channels)));
    last_bias_ = random_floats(2, 7, 0.3f);
  }

  Result on_cpu() const {
    Result result = untouched();
    std::vector<T> x_next(h_.size(), stored<T>(NAN));
    const Conv2dLayer<T> layer = layer_of(x_.data(), h_.data(), result.h.data(), x_next.data());
    const Conv2dAffine affine = affine_of(from_.data(), result.to.data(), result.log_scale.data());
    conv2d_cpu(layer, {w_.data(), bias_.data(), last_w_.data(), last_bias_.data()},
               end_ == End::convolution ? nullptr : &affine, case_.spans.data(), span_count());
    result.x = values_of(x_next);
    return result;
  }

  Result on_device() const {
    DeviceArray<T> x(x_), x_next(h_.size());
    DeviceArray<float> h(h_), h_next(h_.size()), from(from_), to(from_.size()), bias(bias_),
        last_w(last_w_), last_bias(last_bias_);
    DeviceArray<double> log_scale(case_.places());
    const Conv2dLayer<T> layer = layer_of(x.data(), h.data(), h_next.data(), x_next.data());
    std::vector<T> packed(conv2d_packed_size(layer));
    pack_conv2d(layer, w_.data(), packed.data());
    DeviceArray<T> w(packed);
    DeviceArray<Span> spans(case_.spans);
    const Conv2dAffine affine = affine_of(from.data(), to.data(), log_scale.data());
    std::ptrdiff_t made = 0;
    for (const Span& span : case_.spans) made += span.end - span.begin;
    const Status status =
        conv2d_cuda(layer, {w.data(), bias.data(), last_w.data(), last_bias.data()},
                    end_ == End::convolution ? nullptr : &affine, spans.data(), span_count(), made,
                    nullptr, case_.tile);
    EXPECT_TRUE(status.ok()) << status.message;
    return {h_next.download(), values_of(x_next.download()), to.download(), log_scale.download()};
  }

 private:
  int stride() const { return case_.inputs + 8; }
  int span_count() const { return static_cast<int>(case_.spans.size()); }

  Result untouched() const {
    return {std::vector<float>(h_.size(), NAN),
            {},
            std::vector<float>(from_.size(), NAN),
            std::vector<double>(case_.places(), NAN)};
  }

  Conv2dLayer<T> layer_of(const T* x, const float* h, float* h_next, T* x_next) const {
    return {case_.columns,  case_.inputs,
            case_.channels, case_.kernel,
            case_.dilation, x,
            stride(),       case_.residual ? h : nullptr,
            h_next,         x_next};
  }

  // Every second one of the places in memory, as the couplings have it
  Conv2dAffine affine_of(const float* from, float* to, double* log_scale) const {
    return {{from + 1, 2 * case_.columns, 2},
            {to + 1, 2 * case_.columns, 2},
            limit_,
            end_ == End::inverse,
            log_scale};
  }

  Case case_;
  End end_;
  float limit_;
  std::vector<T> x_;
  std::vector<float> h_, from_, w_, bias_, last_w_, last_bias_;
};

template <class T>
void expect_agreement(const Case& c, End end = End::convolution, float limit = 1.5f) {
  const std::string name =
      text(c.columns, " columns, ", c.inputs, " to ", c.channels, " channels, dilation ",
           c.dilation, ", end ", static_cast<int>(end));
  const Problem<T> problem(c, end, limit);
  const Result expected = problem.on_cpu(), actual = problem.on_device();
  expect_same_rows(actual.h, expected.h, kTolerance<T>, name + ", h");
  expect_same_rows(actual.x, expected.x, kTolerance<T>, name + ", x");
  expect_same_rows(actual.to, expected.to, kTolerance<T>, name + ", to");
  expect_same_rows(actual.log_scale, expected.log_scale, kTolerance<T>, name + ", log-scale");
}

template <class T>
class Conv2dOf : public DeviceTest {};
using Types = testing::Types<Bf16, Half, float>;
TYPED_TEST_SUITE(Conv2dOf, Types);

// The tile is 4 rows x 32 columns, and the large one 8 x 64.
TYPED_TEST(Conv2dOf, AgreesWithTheCpu) {
  expect_agreement<TypeParam>({1, 8, 16, 1, {{0, 1, 0, 1}}, false});
  expect_agreement<TypeParam>({31, 16, 16, 1, {{0, 4, 0, 4}}, false});
  expect_agreement<TypeParam>({32, 16, 16, 2, {{0, 3, 0, 3}}});
  expect_agreement<TypeParam>({33, 8, 32, 4, {{0, 5, 0, 5}}});
}

TYPED_TEST(Conv2dOf, MoreChannelsThanAPassOrAChunk) {
  expect_agreement<TypeParam>({5, 48, 48, 1, {{0, 2, 0, 2}}});
}

TYPED_TEST(Conv2dOf, TapsBeyondTheBorders) {
  expect_agreement<TypeParam>({6, 8, 16, 30, {{0, 2, 0, 2}}});
  expect_agreement<TypeParam>({9, 8, 16, 2, {{0, 6, 0, 6}}, true, Conv2dTile::small, 5});
}

TYPED_TEST(Conv2dOf, Spans) {
  expect_agreement<TypeParam>(
      {7, 8, 16, 1, {{0, 2, 0, 2}, {5, 11, 3, 11}, {11, 11, 11, 11}, {11, 12, 11, 12}}});
}

TYPED_TEST(Conv2dOf, Affine) {
  for (const End end : {End::forward, End::inverse}) {
    expect_agreement<TypeParam>({33, 16, 16, 1, {{0, 5, 1, 5}}}, end);
    expect_agreement<TypeParam>({3, 32, 48, 2, {{0, 2, 0, 2}}}, end);  // more than a pass
  }
  expect_agreement<TypeParam>({4, 8, 16, 1, {{0, 2, 0, 2}}}, End::inverse, 0.0f);
}

TYPED_TEST(Conv2dOf, LargeTiles) {
  Case c{66, 8, 16, 2, {{0, 9, 0, 9}}};
  c.tile = Conv2dTile::large;
  expect_agreement<TypeParam>(c, End::forward);
}

// A place comes out the same whichever tile and span make it.
TYPED_TEST(Conv2dOf, APlacesBitsAreItsOwn) {
  const Case whole{34, 8, 16, 1, {{0, 6, 0, 6}}};
  Case parts = whole, large = whole;
  parts.spans = {{0, 1, 0, 6}, {1, 6, 0, 6}};
  large.tile = Conv2dTile::large;
  for (const End end : {End::convolution, End::inverse}) {
    const Result expected = Problem<TypeParam>(whole, end, 1.5f).on_device();
    for (const Case& c : {parts, large}) {
      const Result actual = Problem<TypeParam>(c, end, 1.5f).on_device();
      if (end == End::convolution)
        for (std::size_t i = 0; i < 6 * 34 * 16; ++i) ASSERT_EQ(actual.h[i], expected.h[i]) << i;
      else
        for (std::size_t i = 1; i < 6 * 34 * 2; i += 2)
          ASSERT_EQ(actual.to[i], expected.to[i]) << i;
    }
  }
}

}  // namespace
}  // namespace fluvox::kernels
