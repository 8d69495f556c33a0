#include "flow/affine.h"

#include <vector>

#include "core/threads.h"
#include "net/net_runtime.h"

namespace fluvox::flow {
namespace {

constexpr int kPiece = 256;  // rows

kernels::View from_row(kernels::View view, int row) {
  view.data += row * view.row_stride;
  return view;
}

kernels::ConstView from_row(kernels::ConstView view, int row) {
  view.data += row * view.row_stride;
  return view;
}

kernels::LogScale from_row(kernels::LogScale scale, int row) {
  scale.raw = from_row(scale.raw, row);
  return scale;
}

}  // namespace

kernels::LogScale bounded_log_scale(kernels::ConstView raw, double limit) {
  if (limit > 0) return {raw, kernels::ScaleBound::tanh, static_cast<float>(limit)};
  return {raw};
}

kernels::ConstView zeros() {
  static constexpr float kZero = 0;
  return {&kZero, 0, 0};
}

double affine_forward(int rows, int columns, kernels::View x, const Affine& affine,
                      Threads& threads, double* by_row) {
  std::vector<double> log_dets(static_cast<size_t>(rows));
  net::in_pieces(threads, rows, kPiece, [&](int first, int last) {
    const kernels::View mine = from_row(x, first);
    kernels::coupling_forward_cpu(last - first, columns, mine, from_row(affine.scale, first),
                                  from_row(affine.b, first), mine, log_dets.data() + first);
  });
  double total = 0;
  kernels::log_det_total_cpu(rows, log_dets.data(), &total);
  if (by_row)
    for (size_t row = 0; row < log_dets.size(); ++row) by_row[row] += log_dets[row];
  return total;
}

void affine_inverse(int rows, int columns, kernels::View z, const Affine& affine,
                    Threads& threads) {
  net::in_pieces(threads, rows, kPiece, [&](int first, int last) {
    const kernels::View mine = from_row(z, first);
    kernels::coupling_inverse_cpu(last - first, columns, mine, from_row(affine.scale, first),
                                  from_row(affine.b, first), mine);
  });
}

}  // namespace fluvox::flow
