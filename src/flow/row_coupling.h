// Row coupling (WaveFlow): an affine step over the rows of a squeezed grid, row after row. The
// squeeze is the fold: h adjacent samples stand in a column, so channel i of [h, T / h] is row i.
// `order` tells which row of the grid stands where in the order of work: row order[0] is copied,
// row order[i] is changed given rows order[0] .. order[i - 1]. Reversing the rows between two
// flows, condition and all, is nothing but another order.
//   with x'_i = x[order[i]], c'_i = features[., order[i]]:
//   (b_i, raw_i) = net(x'_0 .. x'_(i-1), c'_1 .. c'_i)      s = limit tanh(raw / limit), or raw
//   z'_0 = x'_0,   z'_i = exp(s_i) * x'_i + b_i                              log|det| = sum s
// Density: one call of the net. Sampling: h - 1 calls, each for one row, which is T / h wide.
// Shapes: x, z [rows, T']; features [condition * rows, T'], condition-major as a squeeze leaves
// them; net: inputs 1, outputs 2, autoregressive over rows (net/wn2d.h). In the spec: {"kind":
// "row_coupling", "rows": 16, "order": [15, 14, ...], "limit": 0, "net":
// {...}}; an empty order is 0, 1, ... Tensors: net.*
#pragma once

#include <vector>

#include "core/config.h"
#include "flow/step.h"

namespace fluvox::flow {

struct RowCoupling {
  int rows = 16;
  std::vector<int> order = {};
  double limit = 0;
  Json net = Json::object();
};

template <class Visitor>
void fields(Visitor& v, RowCoupling& s) {
  v("rows", s.rows, "rows of the grid", Range{2, 4096});
  v("order", s.order, "the rows in the order of work; empty: 0, 1, ...");
  v("limit", s.limit, "bound of the log-scale: limit tanh(raw / limit); 0: none", Range{0, 10});
  v("net", s.net, "the network inside, autoregressive over rows");
}

inline Ways ways(const RowCoupling&) { return {true, false}; }

std::vector<int> order_of(const RowCoupling&);  // refuses one that does not name every row once

TorchStepPtr make_torch(const RowCoupling&);
RuntimeStepPtr make_runtime(const RowCoupling&, Weights&);

}  // namespace fluvox::flow
