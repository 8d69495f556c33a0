#include "flow/affine.h"

#include <vector>

#include "core/threads.h"
#include "kernels/coupling.h"
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

kernels::LogScale log_scale(const Affine& affine, int row) {
  if (affine.limit > 0)
    return {from_row(affine.raw, row), kernels::ScaleBound::tanh, static_cast<float>(affine.limit)};
  return {from_row(affine.raw, row)};
}

}  // namespace

double affine_forward(int rows, int columns, kernels::View x, const Affine& affine,
                      Threads& threads) {
  std::vector<double> log_dets(static_cast<size_t>(rows));
  net::in_pieces(threads, rows, kPiece, [&](int first, int last) {
    const kernels::View mine = from_row(x, first);
    kernels::coupling_forward_cpu(last - first, columns, mine, log_scale(affine, first),
                                  from_row(affine.b, first), mine, log_dets.data() + first);
  });
  double total = 0;
  kernels::log_det_total_cpu(rows, log_dets.data(), &total);
  return total;
}

void affine_inverse(int rows, int columns, kernels::View z, const Affine& affine,
                    Threads& threads) {
  net::in_pieces(threads, rows, kPiece, [&](int first, int last) {
    const kernels::View mine = from_row(z, first);
    kernels::coupling_inverse_cpu(last - first, columns, mine, log_scale(affine, first),
                                  from_row(affine.b, first), mine);
  });
}

}  // namespace fluvox::flow
