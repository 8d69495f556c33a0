#include "net/packed.h"

#include <utility>

#include "kernels/product.h"
#include "kernels/product_bf16.h"

namespace fluvox::net {
namespace {

// The bfloat16 product takes pairs of inputs.
int even(int inputs) { return inputs + inputs % 2; }

void multiply_fp32(std::ptrdiff_t rows, int outputs, const float* bias,
                   const std::vector<Term>& terms, float* y, std::ptrdiff_t y_stride) {
  thread_local std::vector<kernels::Segment> segments;
  segments.clear();
  for (const Term& term : terms)
    segments.push_back({term.x, term.stride, term.matrix->inputs(),
                        static_cast<const float*>(term.matrix->data())});
  kernels::product_cpu(rows, outputs, bias, segments.data(), static_cast<int>(segments.size()), y,
                       y_stride);
}

void multiply_bf16(std::ptrdiff_t rows, int outputs, const float* bias,
                   const std::vector<Term>& terms, float* y, std::ptrdiff_t y_stride) {
  thread_local std::vector<kernels::SegmentBf16> segments;
  thread_local std::vector<kernels::Bf16> rounded;
  size_t width = 0;
  for (const Term& term : terms) width += static_cast<size_t>(even(term.matrix->inputs()));
  rounded.resize(width * static_cast<size_t>(rows));
  segments.clear();
  kernels::Bf16* to = rounded.data();
  for (const Term& term : terms) {
    const int inputs = term.matrix->inputs(), stride = even(inputs);
    segments.push_back(
        {to, stride, stride, static_cast<const kernels::Bf16*>(term.matrix->data())});
    for (std::ptrdiff_t t = 0; t < rows; ++t, to += stride) {
      kernels::to_bf16_cpu(inputs, term.x + t * term.stride, to);
      if (inputs != stride) to[inputs] = {0};
    }
  }
  kernels::product_bf16_cpu(rows, outputs, bias, segments.data(), static_cast<int>(segments.size()),
                            y, y_stride);
}

}  // namespace

PackedMatrix::PackedMatrix(const float* w, std::ptrdiff_t input_stride,
                           std::ptrdiff_t output_stride, int inputs, int outputs,
                           Precision precision)
    : inputs_(inputs), outputs_(outputs), precision_(precision) {
  if (precision == Precision::fp32) {
    lines_.resize(kernels::packed_size(inputs, outputs) * sizeof(float) / sizeof(Line));
    kernels::pack(w, input_stride, output_stride, inputs, outputs,
                  reinterpret_cast<float*>(lines_.data()));
  } else {
    lines_.resize(kernels::packed_size_bf16(inputs, outputs) * sizeof(kernels::Bf16) /
                  sizeof(Line));
    kernels::pack_bf16(w, input_stride, output_stride, inputs, outputs,
                       reinterpret_cast<kernels::Bf16*>(lines_.data()));
  }
}

PackedConv::PackedConv(const std::vector<float>& weight, std::vector<float> bias_, int inputs,
                       int tap_count, Precision precision)
    : bias(std::move(bias_)) {
  for (int tap = 0; tap < tap_count; ++tap)
    taps.emplace_back(weight.data() + tap, tap_count, std::ptrdiff_t{inputs} * tap_count, inputs,
                      outputs(), precision);
}

double PackedConv::multiply_adds() const {
  double sum = 0;
  for (const PackedMatrix& tap : taps) sum += tap.multiply_adds();
  return sum;
}

PackedConv take_conv(Weights& weights, const std::string& name, int outputs, int inputs,
                     const std::vector<int64_t>& kernel) {
  std::vector<int64_t> shape = {outputs, inputs};
  int taps = 1;
  for (const int64_t size : kernel) {
    shape.push_back(size);
    taps *= static_cast<int>(size);
  }
  const std::vector<float> weight = weights.take(name + ".weight", shape);
  return PackedConv(weight, weights.take(name + ".bias", {outputs}), inputs, taps,
                    weights.precision());
}

void multiply(std::ptrdiff_t rows, int outputs, const float* bias, const std::vector<Term>& terms,
              float* y, std::ptrdiff_t y_stride) {
  const bool bf16 = !terms.empty() && terms.front().matrix->precision() == Precision::bf16;
  (bf16 ? multiply_bf16 : multiply_fp32)(rows, outputs, bias, terms, y, y_stride);
}

}  // namespace fluvox::net
