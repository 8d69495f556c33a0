#include "net/packed.h"

#include <utility>

namespace fluvox::net {

PackedMatrix::PackedMatrix(const float* w, std::ptrdiff_t input_stride,
                           std::ptrdiff_t output_stride, int inputs, int outputs)
    : inputs_(inputs), outputs_(outputs), lines_(kernels::packed_size(inputs, outputs) / 16) {
  kernels::pack(w, input_stride, output_stride, inputs, outputs, lines_.front().values);
}

PackedConv::PackedConv(const std::vector<float>& weight, std::vector<float> bias_, int inputs,
                       int tap_count)
    : bias(std::move(bias_)) {
  for (int tap = 0; tap < tap_count; ++tap)
    taps.emplace_back(weight.data() + tap, tap_count, std::ptrdiff_t{inputs} * tap_count, inputs,
                      outputs());
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
  return PackedConv(weight, weights.take(name + ".bias", {outputs}), inputs, taps);
}

void multiply(std::ptrdiff_t rows, const std::vector<float>& bias,
              const std::vector<kernels::Segment>& segments, float* y, std::ptrdiff_t y_stride) {
  kernels::product_cpu(rows, static_cast<int>(bias.size()), bias.data(), segments.data(),
                       static_cast<int>(segments.size()), y, y_stride);
}

}  // namespace fluvox::net
