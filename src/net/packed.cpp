#include "net/packed.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/product.h"

namespace fluvox::net {
namespace {

// The bfloat16 product takes pairs of inputs, and is quickest with whole blocks.
int even(int inputs) { return inputs + inputs % 2; }
int whole_blocks(int inputs) {
  constexpr int kBlock = 32;
  return (inputs + kBlock - 1) / kBlock * kBlock;
}

void multiply_fp32(std::ptrdiff_t rows, int outputs, const float* bias,
                   const std::vector<Term>& terms, float* y, std::ptrdiff_t y_stride) {
  thread_local std::vector<kernels::Segment> segments;
  segments.clear();
  for (const Term& term : terms)
    segments.push_back({term.x, term.stride, term.matrix->inputs(),
                        reinterpret_cast<const float*>(term.matrix->data())});
  kernels::product_cpu(rows, outputs, bias, segments.data(), static_cast<int>(segments.size()), y,
                       y_stride);
}

void multiply_bf16(std::ptrdiff_t rows, int outputs, const float* bias,
                   const std::vector<Term>& terms, float* y, std::ptrdiff_t y_stride) {
  thread_local std::vector<kernels::SegmentBf16> segments;
  thread_local Aligned<kernels::Bf16> rounded;
  size_t width = 0;
  for (const Term& term : terms)
    if (term.rounded == nullptr) width += static_cast<size_t>(whole_blocks(term.matrix->inputs()));
  rounded.resize(width * static_cast<size_t>(rows));
  segments.clear();
  kernels::Bf16* to = rounded.data();
  for (const Term& term : terms) {
    const int inputs = term.matrix->inputs();
    const auto* w = reinterpret_cast<const kernels::Bf16*>(term.matrix->data());
    if (term.rounded != nullptr) {
      segments.push_back({term.rounded, term.rounded_stride, even(inputs), w,
                          static_cast<int>(term.rounded_stride)});
      continue;
    }
    const int stride = whole_blocks(inputs);
    segments.push_back({to, stride, even(inputs), w, stride});
    for (std::ptrdiff_t t = 0; t < rows; ++t, to += stride) {
      kernels::to_bf16_cpu(inputs, term.x + t * term.stride, to);
      std::fill(to + inputs, to + stride, kernels::Bf16{0});
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
    bytes_.resize(kernels::packed_size(inputs, outputs) * sizeof(float));
    kernels::pack(w, input_stride, output_stride, inputs, outputs,
                  reinterpret_cast<float*>(bytes_.data()));
  } else {
    bytes_.resize(kernels::packed_size_bf16(inputs, outputs) * sizeof(kernels::Bf16));
    kernels::pack_bf16(w, input_stride, output_stride, inputs, outputs,
                       reinterpret_cast<kernels::Bf16*>(bytes_.data()));
  }
}

RoundedRows::RoundedRows(int64_t rows, int columns)
    : rows_(rows),
      stride_(whole_blocks(columns)),
      columns_(columns),
      values_(static_cast<size_t>(rows_ * stride_)) {}

void RoundedRows::set(int64_t r, int64_t count, const float* from) {
  if (stride_ == columns_) return kernels::to_bf16_cpu(count * stride_, from, row(r));
  for (int64_t i = 0; i < count; ++i, from += columns_)
    kernels::to_bf16_cpu(columns_, from, row(r + i));
}

void RoundedRows::grow(int64_t rows) {
  if (rows <= rows_) return;
  rows_ = rows;
  values_.resize(static_cast<size_t>(rows_ * stride_));
}

void RoundedRows::move(int64_t from, int64_t to, int64_t count) {
  std::memmove(row(to), row(from), static_cast<size_t>(count * stride_) * sizeof(kernels::Bf16));
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
