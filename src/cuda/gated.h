// What the nets of gated layers have in common on a GPU: the layer (kernels/wn_layer.h) and the
// plain product (kernels/mma_product.h) with their weights there, and the condition rounded for
// them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cuda/memory.h"
#include "cuda/stage.h"
#include "cuda/tape.h"
#include "kernels/mma_product.h"
#include "kernels/wn_layer.h"
#include "net/wn_folded.h"

namespace fluvox::cuda {

inline constexpr int kChannelsMultiple = 16;

template <class T>
class Product {
 public:
  // Rows of x hold `inputs` numbers and those of y `outputs`; what the matrix has not is zeros.
  Product(const net::Matrix& matrix, std::vector<float> bias, int inputs, int outputs)
      : inputs_(inputs), outputs_(outputs) {
    std::vector<T> packed(kernels::mma_packed_size<T>(inputs, outputs));
    kernels::pack_mma<T>(
        inputs, outputs,
        [&](int i, int o) {
          return i < matrix.inputs && o < matrix.outputs ? static_cast<float>(matrix.at(i, o))
                                                         : 0.0f;
        },
        packed.data());
    w_ = Constant(packed);
    bias.resize(static_cast<size_t>(outputs));
    bias_ = Constant(bias);
  }

  int outputs() const { return outputs_; }
  // Of x; where it goes is for the caller to say.
  kernels::MmaProduct<T> of(const Rows<T>& x, int64_t delay) const {
    kernels::MmaProduct<T> product{};
    product.outputs = outputs_;
    product.segments.add(x.at(delay), x.width, inputs_);
    product.bias = bias_.data();
    return product;
  }
  void into(Tape& tape, const Rows<T>& x, const Rows<float>& y, int64_t delay) const {
    kernels::MmaProduct<T> product = of(x, delay);
    product.y = y.at(delay);
    product.y_stride = y.width;
    add(tape, product, delay);
  }
  // The same with more to it than that.
  void add(Tape& tape, const kernels::MmaProduct<T>& product, int64_t delay) const {
    tape.over(delay, [=, w = w_.data()](auto... rows) {
      return kernels::mma_product_cuda(product, w, rows...);
    });
  }

 private:
  int inputs_, outputs_;
  Constant<T> w_;
  Constant<float> bias_;
};

// The condition's matrix for `fold` rows of it as they lie one after the other, filled up with
// zeros: number c of row j is input c fold + j of the model's.
inline net::Matrix as_it_lies(const net::Matrix& condition, int fold) {
  const int numbers = condition.inputs / fold, width = padded(numbers, kRowNumbers);
  net::Matrix matrix(fold * width, condition.outputs);
  for (int j = 0; j < fold; ++j)
    for (int c = 0; c < numbers; ++c)
      for (int o = 0; o < condition.outputs; ++o)
        matrix.at(j * width + c, o) = condition.at(c * fold + j, o);
  return matrix;
}

// A layer of a WN, as its folds leave it.
template <class T>
class GatedLayer {
 public:
  // Rows of x hold `inputs` numbers, of which the taps' matrices take the first. `outputs`: of what
  // the layer sends to the end; what comes before them in layer.after changes h. fold: rows of the
  // condition that the layer sees as one.
  GatedLayer(const net::FoldedWnLayer& layer, int channels, int inputs, int outputs, int fold) {
    shape_.channels = padded(channels, kChannelsMultiple);
    const int residual = layer.after.outputs - outputs;
    shape_.residual = residual > 0 ? shape_.channels : 0;
    shape_.outputs = outputs;
    const auto gate = [&](int o) { return o < channels ? o : shape_.channels + o - channels; };
    const auto behind = [&](int o) { return o < residual ? o : shape_.residual + o - residual; };
    Stack in(2 * shape_.channels), after(shape_.residual + outputs);
    const auto add = [&](const net::Matrix& matrix, int width) {
      shape_.segments.add(nullptr, 0, width);
      in.add(matrix, width, gate);
    };
    for (const net::Matrix& tap : layer.taps) add(tap, inputs);
    if (layer.condition) {
      const net::Matrix condition = as_it_lies(*layer.condition, fold);
      add(condition, condition.inputs);
    }
    after.add(layer.after, shape_.channels, behind);
    const std::vector<float> in_bias = placed(layer.bias, 2 * shape_.channels, gate);
    const std::vector<float> after_bias =
        placed(layer.after_bias, shape_.residual + outputs, behind);
    std::vector<std::byte> bytes(kernels::wn_packed_bytes(shape_));
    kernels::pack_wn(shape_,
                     {in.values.data(), in_bias.data(), after.values.data(), after_bias.data()},
                     bytes.data());
    packed_ = Constant(bytes);
  }

  // With its sizes, and segments for the taps in their order, then for the condition; where all of
  // it lies is for the caller to say.
  const kernels::WnLayer<T>& shape() const { return shape_; }
  // Without the first `missing` segments.
  void add(Tape& tape, kernels::WnLayer<T> layer, int64_t delay, int missing = 0) const {
    kernels::WnPacked<T> weights = kernels::wn_packed_at(shape_, packed_.data());
    kernels::drop_segments(missing, layer, weights);
    tape.over(delay, [=](auto... rows) { return kernels::wn_layer_cuda(layer, weights, rows...); });
  }

 private:
  // Rows of matrices, one after the other, each filled up with zeros to whole rows of x and to
  // `outputs` columns.
  struct Stack {
    explicit Stack(int outputs_) : outputs(outputs_) {}
    // place(o): the column of output o
    template <class Column>
    void add(const net::Matrix& matrix, int padded_inputs, Column place) {
      const size_t before = values.size();
      values.resize(before + static_cast<size_t>(padded_inputs) * static_cast<size_t>(outputs));
      for (int i = 0; i < matrix.inputs; ++i)
        for (int o = 0; o < matrix.outputs; ++o)
          values[before + static_cast<size_t>(i * outputs + place(o))] =
              static_cast<float>(matrix.at(i, o));
    }
    int outputs;
    std::vector<float> values;
  };

  template <class Column>
  static std::vector<float> placed(const std::vector<float>& bias, int outputs, Column place) {
    std::vector<float> all(static_cast<size_t>(outputs));
    for (size_t o = 0; o < bias.size(); ++o)
      all[static_cast<size_t>(place(static_cast<int>(o)))] = bias[o];
    return all;
  }

  kernels::WnLayer<T> shape_{};
  Constant<std::byte> packed_;
};

template <class T>
void gather(Tape& tape, const kernels::GatheredRows<T>& gathered, int64_t delay) {
  tape.over(delay, [=](auto... rows) { return kernels::gathered_rows_cuda(gathered, rows...); });
}

inline void fill(Tape& tape, const Rows<float>& to, const Constant<float>& values, int64_t delay) {
  tape.over(delay, [=, from = values.data()](auto... rows) {
    return kernels::filled_rows_cuda(to.at(delay), to.width, to.width, from, rows...);
  });
}

// `count` numbers of the condition for each of `parts` series of it that lie side by side, number c
// of part p being number first + c step + p of the condition; rounded for the nets, once for all.
template <class T>
Rows<T> rounded_part(Tape& tape, const std::string& name, int first, int step, int count,
                     int parts) {
  const int scale = tape.scale(), width = padded(count, kRowNumbers);
  tape.set_scale(tape.condition_scale);
  const auto [rounded, fresh] = tape.rounded_features<T>(name, parts * width);
  const Rows<float> from = tape.features;
  for (int part = 0; fresh && part < parts; ++part)
    gather<T>(tape,
              {from.at(0), from.width, first + part, step, count, false,
               rounded.at(0) + part * width, rounded.width, width},
              0);
  tape.set_scale(scale);
  return rounded;
}
template <class T>
Rows<T> rounded_condition(Tape& tape) {
  return rounded_part<T>(tape, "all", 0, 1, tape.features.width, 1);
}
// The first half of its channels, or the second.
template <class T>
Rows<T> rounded_half(Tape& tape, bool second) {
  const int half = tape.features.width / 2;
  return rounded_part<T>(tape, second ? "second half" : "first half", second ? half : 0, 1, half,
                         1);
}

// Of it, what a layer with this delay sees.
template <class T>
kernels::MmaSegment<T> seen_condition(const Rows<T>& rounded, int64_t delay, int fold) {
  return {rounded.at(fold * delay), fold * std::ptrdiff_t{rounded.width}, fold * rounded.width};
}

}  // namespace fluvox::cuda
