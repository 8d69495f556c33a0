// WN (wn.h) after its exact folds, as every processor renders it; computed in double.
//   h = start(kept)
//   for l in 0 .. layers - 1:
//     a = in_l(x) + cond_l(features)     x: h, or, in layer 0, [kept | 1], since start is folded
//                                        into it (the ones make start's bias end where the padding
//                                        begins)
//     [change of h | change of out] = after_l(gate(a))      skip and end folded: what a layer sends
//                                        to the skips only ever meets end
//   out begins as out_bias
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "net/net.h"
#include "net/wn.h"

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

}  // namespace fluvox::net
