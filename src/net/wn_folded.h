// WN (wn.h) after its exact folds, as every processor renders it, and WN over a grid (wn2d.h) as a
// GPU does; computed in double.
//   h = start(kept)
//   for l in 0 .. layers - 1:
//     a = in_l(x) + cond_l(features)     x: h, or, in layer 0, [kept | 1], since start is folded
//                                        into it (the ones make start's bias end where the padding
//                                        begins)
//     [change of h | change of out] = after_l(gate(a))      skip and end folded: what a layer sends
//                                        to the skips only ever meets end
//   out begins as out_bias
// Over a grid a tap is one of kernel x kernel, row by row.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "net/net.h"
#include "net/wn.h"
#include "net/wn2d.h"

namespace fluvox::net {

// [inputs][outputs]
struct Matrix {
  Matrix(int inputs_, int outputs_)
      : inputs(inputs_),
        outputs(outputs_),
        values(static_cast<size_t>(inputs_) * static_cast<size_t>(outputs_)) {}
  double& at(int i, int o) { return values[static_cast<size_t>(i) * outputs + o]; }
  double at(int i, int o) const { return values[static_cast<size_t>(i) * outputs + o]; }

  int inputs, outputs;
  std::vector<double> values;
};

struct FoldedWnLayer {
  int64_t dilation;
  std::vector<Matrix> taps;         // -> [2 channels], tanh's first
  std::optional<Matrix> condition;  // the same; none where there is no condition
  std::vector<float> bias;
  Matrix after;  // [channels] -> [residual: channels, none in the last layer | outputs]
  std::vector<float> after_bias;
};

struct FoldedWnEnds {
  Matrix start;
  std::vector<float> start_bias, out_bias;
};

// Takes WN's tensors and hands each layer over as it is folded: at no time are there more in double
// than one.
FoldedWnEnds fold_wn(const Wn& wn, Weights& weights,
                     const std::function<void(const FoldedWnLayer&)>& layer);
FoldedWnEnds fold_wn(const Wn2d& wn, Weights& weights,
                     const std::function<void(const FoldedWnLayer&)>& layer);

// A convolution as the file has it, `name`.weight [outputs][inputs][kernel...] and `name`.bias: a
// matrix for each tap.
struct ConvMatrices {
  std::vector<Matrix> taps;
  std::vector<float> bias;
};
ConvMatrices take_matrices(Weights& weights, const std::string& name, int outputs, int inputs,
                           const std::vector<int64_t>& kernel);
// The condition of all layers is one tensor, cond_layer, each layer's rows behind those of the one
// before: `layers` get their parts, and the bias of theirs.
void take_condition(Weights& weights, int condition, std::vector<FoldedWnLayer>& layers);

}  // namespace fluvox::net
