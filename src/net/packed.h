// Weights as kernels/product.h and product_bf16.h want them: packed once, when a model is loaded,
// in the precision that they are multiplied in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/product_bf16.h"
#include "net/aligned.h"
#include "net/weights.h"

namespace fluvox::net {

class PackedMatrix;

// Rows x, `stride` apart, times a matrix: a term of a product. A matrix in bfloat16 takes its rows
// rounded; where they are not yet, the product does it.
struct Term {
  const PackedMatrix* matrix;
  const float* x;
  std::ptrdiff_t stride;
  const kernels::Bf16* rounded = nullptr;
  std::ptrdiff_t rounded_stride = 0;
};

// Rows rounded to bfloat16 once, where products read them again and again: the taps of a
// convolution, the layers that share a condition. After the columns of a row come zeros, so that a
// row is a whole number of the product's blocks.
class RoundedRows {
 public:
  RoundedRows() = default;
  RoundedRows(int64_t rows, int columns);  // zeros

  bool empty() const { return rows_ == 0; }
  int64_t stride() const { return stride_; }
  kernels::Bf16* row(int64_t r) { return values_.data() + r * stride_; }
  const kernels::Bf16* row(int64_t r) const { return values_.data() + r * stride_; }
  // Rows [r, r + count), from as many side by side in `from`.
  void set(int64_t r, int64_t count, const float* from);
  // At least so many rows; those that are there stay.
  void grow(int64_t rows);
  // Copies `count` rows from row `from` on to row `to` on.
  void move(int64_t from, int64_t to, int64_t count);

 private:
  int64_t rows_ = 0, stride_ = 0;
  int columns_ = 0;
  Aligned<kernels::Bf16> values_;
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
  const std::byte* data() const { return bytes_.data(); }

  Term times(const float* x, std::ptrdiff_t stride) const { return {this, x, stride}; }
  Term times(const RoundedRows& x, int64_t first) const {
    return {this, nullptr, 0, x.row(first), x.stride()};
  }

 private:
  int inputs_, outputs_;
  Precision precision_;
  Aligned<std::byte> bytes_;
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
// bfloat16: the sums are float32.
void multiply(std::ptrdiff_t rows, int outputs, const float* bias, const std::vector<Term>& terms,
              float* y, std::ptrdiff_t y_stride);
inline void multiply(std::ptrdiff_t rows, const std::vector<float>& bias,
                     const std::vector<Term>& terms, float* y, std::ptrdiff_t y_stride) {
  multiply(rows, static_cast<int>(bias.size()), bias.data(), terms, y, y_stride);
}

}  // namespace fluvox::net
