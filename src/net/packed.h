// Weights as kernels/product.h wants them: packed once, when a model is loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/product.h"
#include "net/weights.h"

namespace fluvox::net {

// One matrix [inputs][outputs], aligned to cache lines.
class PackedMatrix {
 public:
  // Element (i, o) is w[i * input_stride + o * output_stride].
  PackedMatrix(const float* w, std::ptrdiff_t input_stride, std::ptrdiff_t output_stride,
               int inputs, int outputs);

  double multiply_adds() const { return static_cast<double>(inputs_) * outputs_; }

  // The rows x, `stride` floats apart, times this matrix: a term of a product.
  kernels::Segment times(const float* x, std::ptrdiff_t stride) const {
    return {x, stride, inputs_, lines_.empty() ? nullptr : lines_.front().values};
  }

 private:
  struct alignas(64) Line {
    float values[16];
  };

  int inputs_, outputs_;
  std::vector<Line> lines_;
};

// A convolution: a matrix for each tap, in the order of the weight's kernel dimensions.
struct PackedConv {
  // weight [outputs][inputs][taps]
  PackedConv(const std::vector<float>& weight, std::vector<float> bias, int inputs, int taps);

  int outputs() const { return static_cast<int>(bias.size()); }
  double multiply_adds() const;  // for one row

  std::vector<PackedMatrix> taps;
  std::vector<float> bias;
};

// `name`.weight [outputs, inputs, kernel...] and `name`.bias [outputs]
PackedConv take_conv(Weights& weights, const std::string& name, int outputs, int inputs,
                     const std::vector<int64_t>& kernel);

// y [rows][conv.outputs()] = the sum of the segments and the bias
void multiply(std::ptrdiff_t rows, const std::vector<float>& bias,
              const std::vector<kernels::Segment>& segments, float* y, std::ptrdiff_t y_stride);

}  // namespace fluvox::net
