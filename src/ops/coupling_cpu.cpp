#include <ATen/Parallel.h>
#include <torch/library.h>

#include "ops/arguments.h"

namespace fluvox::ops {
namespace {

constexpr int64_t kGrain = 4096;  // places that one thread takes at least

// each(item, first, rows) for runs of rows of x [B, rows, columns], shared by the threads
template <class Each>
void in_runs(const Tensor& x, const Each& each) {
  const int64_t rows = x.size(1), columns = x.size(2);
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, columns));
  at::parallel_for(0, x.size(0) * rows, grain, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t item = begin / rows, first = begin % rows;
      const int64_t count = std::min(rows - first, end - begin);
      each(item, first, count);
      begin += count;
    }
  });
}

template <class T>
kernels::ViewOf<T> rows_of(const Tensor& x, int64_t item, int64_t first) {
  if (!x.defined()) return {nullptr, 0, 0};
  kernels::ViewOf<T> view = item_of<T>(x, item);
  view.data += first * view.row_stride;
  return view;
}

template <class T>
kernels::ConstViewOf<T> rows_or_zeros(const Tensor& x, int64_t item, int64_t first) {
  static const T zero = 0;
  if (!x.defined()) return {&zero, 0, 0};
  return rows_of<T>(x, item, first);
}

// The changed places of a coupling and what they are made with.
struct Parts {
  CouplingPlaces places;
  Tensor b, raw;
  double limit;

  template <class T>
  kernels::LogScaleOf<T> scale(int64_t item, int64_t first) const {
    return {rows_or_zeros<T>(raw, item, first),
            raw.defined() ? places.bound() : kernels::ScaleBound::exact, static_cast<T>(limit)};
  }
};

Parts parts_of(const char* op, const Tensor& x, const Tensor& net, int64_t dim, int64_t first,
               int64_t step, bool shift, const std::string& scale, double limit) {
  const CouplingPlaces places(op, x, net, dim, first, step, shift, scale, limit);
  return {places, places.b(net), places.raw(net), limit};
}

template <class T>
void forward(const Parts& p, const Tensor& x, const Tensor& z, double* row_log_det) {
  in_runs(x, [&](int64_t item, int64_t first, int64_t rows) {
    kernels::coupling_forward_cpu(rows, static_cast<int>(x.size(2)), rows_of<T>(x, item, first),
                                  p.scale<T>(item, first), rows_or_zeros<T>(p.b, item, first),
                                  rows_of<T>(z, item, first),
                                  row_log_det + item * x.size(1) + first);
  });
}

template <class T>
void inverse(const Parts& p, const Tensor& z, const Tensor& x) {
  in_runs(z, [&](int64_t item, int64_t first, int64_t rows) {
    kernels::coupling_inverse_cpu(rows, static_cast<int>(z.size(2)), rows_of<T>(z, item, first),
                                  p.scale<T>(item, first), rows_or_zeros<T>(p.b, item, first),
                                  rows_of<T>(x, item, first));
  });
}

std::tuple<Tensor, Tensor> coupling(const Tensor& x, const Tensor& net, int64_t dim, int64_t first,
                                    int64_t step, bool shift, std::string scale, double limit) {
  const Parts p = parts_of("coupling", x, net, dim, first, step, shift, scale, limit);
  const Tensor z = at::empty_like(x);
  p.places.kept(z).copy_(p.places.kept(x));
  const Tensor from = p.places.changed(x), to = p.places.changed(z);
  const Tensor rows = at::empty({x.size(0), from.size(1)}, x.options().dtype(at::kDouble));
  if (x.scalar_type() == at::kDouble)
    forward<double>(p, from, to, rows.data_ptr<double>());
  else
    forward<float>(p, from, to, rows.data_ptr<double>());
  const Tensor log_det = at::empty({x.size(0)}, rows.options());
  for (int64_t item = 0; item < x.size(0); ++item)
    kernels::log_det_total_cpu(rows.size(1), rows.const_data_ptr<double>() + item * rows.size(1),
                               log_det.data_ptr<double>() + item);
  return {z, log_det.to(x.scalar_type())};
}

Tensor coupling_inverse(const Tensor& z, const Tensor& net, int64_t dim, int64_t first,
                        int64_t step, bool shift, std::string scale, double limit) {
  const Parts p = parts_of("coupling_inverse", z, net, dim, first, step, shift, scale, limit);
  const Tensor x = at::empty_like(z);
  p.places.kept(x).copy_(p.places.kept(z));
  if (z.scalar_type() == at::kDouble)
    inverse<double>(p, p.places.changed(z), p.places.changed(x));
  else
    inverse<float>(p, p.places.changed(z), p.places.changed(x));
  return x;
}

template <class T>
void backward(bool forward, const Parts& p, const Tensor& x, const Tensor& given,
              const T* g_log_det, const Tensor& gx, const Tensor& gb, const Tensor& graw) {
  const auto columns = static_cast<int>(x.size(2));
  in_runs(x, [&](int64_t item, int64_t first, int64_t rows) {
    const kernels::CouplingGradients<T> to = {
        rows_of<T>(gx, item, first), rows_of<T>(gb, item, first), rows_of<T>(graw, item, first)};
    const kernels::ViewOf<T> at_x = rows_of<T>(x, item, first),
                             along = rows_of<T>(given, item, first);
    if (forward)
      kernels::coupling_backward_cpu(rows, columns, at_x, p.scale<T>(item, first), along,
                                     g_log_det ? g_log_det[item] : T{0}, to);
    else
      kernels::coupling_inverse_backward_cpu(rows, columns, at_x, p.scale<T>(item, first), along,
                                             to);
  });
}

std::tuple<Tensor, Tensor> coupling_backward(bool forward, const Tensor& x, const Tensor& net,
                                             const Tensor& given,
                                             const std::optional<Tensor>& g_log_det, int64_t dim,
                                             int64_t first, int64_t step, bool shift,
                                             std::string scale, double limit) {
  const Parts p = parts_of("_coupling_backward", x, net, dim, first, step, shift, scale, limit);
  expect_alike("_coupling_backward", "the gradient", x, given, x.scalar_type());
  const Tensor gx = at::empty_like(x), gnet = at::empty_like(net);
  p.places.kept(gx).copy_(p.places.kept(given));
  const Tensor g = g_log_det ? g_log_det->to(x.scalar_type()).contiguous() : Tensor();
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    backward<T>(forward, p, p.places.changed(x), p.places.changed(given),
                g.defined() ? g.const_data_ptr<T>() : nullptr, p.places.changed(gx),
                p.places.b(gnet), p.places.raw(gnet));
  };
  if (x.scalar_type() == at::kDouble)
    run(0.0);
  else
    run(0.0f);
  return {gx, gnet};
}

}  // namespace

TORCH_LIBRARY_IMPL(fluvox, CPU, m) {
  m.impl("coupling", coupling);
  m.impl("coupling_inverse", coupling_inverse);
  m.impl("_coupling_backward", coupling_backward);
}

}  // namespace fluvox::ops
