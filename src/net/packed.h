// Weights as kernels/product.h and product_bf16.h want them: packed once, when a model is loaded,
// in the precision that they are multiplied in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "net/weights.h"

namespace fluvox::net {

class PackedMatrix;

// Rows x, `stride` floats apart, times a matrix: a term of a product.
struct Term {
  const PackedMatrix* matrix;
  const float* x;
  std::ptrdiff_t stride;
};

// One matrix [inputs][outputs], aligned to cache lines.
class PackedMatrix {
 public:
  // Element (i, o) is w[i * input_stride + o * output_stride].
  PackedMatrix(const float* w, std::ptrdiff_t input_stride, std::ptrdiff_t output_stride,
               int inputs, int outputs, Precision precision = Precision::fp32);

  int inputs() const { return inputs_; }
  Precision precision() const { return precision_; }
  double multiply_adds() const { return static_cast<double>(inputs_) * outputs_; }
  const void* data() const { return lines_.empty() ? nullptr : lines_.data(); }

  Term times(const float* x, std::ptrdiff_t stride) const { return {this, x, stride}; }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };

  int inputs_, outputs_;
  Precision precision_;
  std::vector<Line> lines_;
};

// A convolution: a matrix for each tap, in the order of the weight's kernel dimensions.
struct PackedConv {
  // weight [outputs][inputs][taps]
  PackedConv(const std::vector<float>& weight, std::vector<float> bias, int inputs, int taps,
             Precision precision = Precision::fp32);

  int outputs() const { return static_cast<int>(bias.size()); }
  double multiply_adds() const;  // for one row

  std::vector<PackedMatrix> taps;
  std::vector<float> bias;
};

// `name`.weight [outputs, inputs, kernel...] and `name`.bias [outputs], to be multiplied in the
// precision of `weights`.
PackedConv take_conv(Weights& weights, const std::string& name, int outputs, int inputs,
                     const std::vector<int64_t>& kernel);

// y [rows][outputs] = bias (zeros where nullptr) + the sum of the terms, all of one precision.
// bfloat16: the rows are rounded for it; the sums are float32.
void multiply(std::ptrdiff_t rows, int outputs, const float* bias, const std::vector<Term>& terms,
              float* y, std::ptrdiff_t y_stride);
inline void multiply(std::ptrdiff_t rows, const std::vector<float>& bias,
                     const std::vector<Term>& terms, float* y, std::ptrdiff_t y_stride) {
  multiply(rows, static_cast<int>(bias.size()), bias.data(), terms, y, y_stride);
}

}  // namespace fluvox::net
