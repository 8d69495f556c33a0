#include "ops/arguments.h"

#include <limits>

namespace fluvox::ops {

void expect_alike(const char* op, const char* what, const Tensor& x, const Tensor& other,
                  at::ScalarType wanted) {
  if (other.device() != x.device())
    throw Error(Fault::usage, "op-device",
                text("fluvox::", op, ": expected ", what, " on ", x.device(), ", found it on ",
                     other.device()));
  if (other.scalar_type() != wanted)
    throw Error(Fault::usage, "op-dtype",
                text("fluvox::", op, ": expected ", what, " of type ", wanted, ", found ",
                     other.scalar_type()));
}

void expect_type(const char* op, const Tensor& x) {
  const at::ScalarType type = x.scalar_type();
  const bool cpu = x.is_cpu();
  if (type == at::kFloat || (cpu && type == at::kDouble) ||
      (!cpu && (type == at::kBFloat16 || type == at::kHalf)))
    return;
  throw Error(Fault::usage, "op-dtype",
              text("fluvox::", op, ": expected ",
                   cpu ? "float32 or float64 on the CPU" : "float32, bfloat16 or float16 on a GPU",
                   ", found ", type));
}

CouplingPlaces::CouplingPlaces(const char* op, const Tensor& x, const Tensor& net, int64_t dim,
                               int64_t first, int64_t step, bool shift, const std::string& scale,
                               double limit)
    : dim_(dim), first_(first), step_(step), shift_(shift), scale_(scale != "none") {
  expect_type(op, x);
  expect_alike(op, "what the net gives", x, net, x.scalar_type());
  if ((scale != "exp" && scale != "sigmoid" && scale != "none") || !(limit >= 0) ||
      !(shift || scale_))
    throw Error(Fault::usage, "op-setting",
                text("fluvox::", op,
                     ": expected scale exp, sigmoid or none, none only with a "
                     "shift, and a limit of at least 0, found ",
                     scale, ", shift ", shift, " and limit ", limit));
  const int64_t parts = (shift ? 1 : 0) + (scale_ ? 1 : 0);
  expect_shape(x.dim() == 3 && net.dim() == 4 && net.size(1) == parts && net.size(0) == x.size(0),
               op, "x [batch, rows, columns] and the net's [batch, parts, rows, columns]",
               x.sizes(), " and ", net.sizes(), " for ", parts, " parts");
  expect_shape((dim == 1 || dim == 2) && net.size(4 - dim) == x.size(3 - dim), op,
               "x and the net's to agree in the dimension that is not divided", x.sizes(), " and ",
               net.sizes(), ", divided along ", dim);
  count_ = net.size(1 + dim);
  const int64_t all = x.size(dim);
  const bool alternating =
      step == 2 && (first == 0 || first == 1) && count_ == (all - first + 1) / 2;
  const bool in_one =
      step == 1 && first >= 0 && first + count_ <= all && (first == 0 || first + count_ == all);
  expect_shape(alternating || in_one, op,
               "what changes to be every other place or one end of the dimension", count_,
               " places from ", first, " on, ", step, " apart, of ", all);
  expect_shape(x.numel() < std::numeric_limits<int>::max(), op, "fewer than 2^31 numbers",
               x.sizes());
  if (scale == "sigmoid") bound_ = kernels::ScaleBound::sigmoid;
  if (scale == "exp" && limit > 0) bound_ = kernels::ScaleBound::tanh;
  turned_ = x.stride(1) < x.stride(2);
}

Tensor CouplingPlaces::changed(const Tensor& x) const {
  return turned(x.slice(dim_, first_, first_ + (count_ - 1) * step_ + 1, step_));
}

Tensor CouplingPlaces::kept(const Tensor& x) const {
  if (step_ == 2) return turned(x.slice(dim_, 1 - first_, std::nullopt, 2));
  return turned(first_ > 0 ? x.narrow(dim_, 0, first_)
                           : x.narrow(dim_, count_, x.size(dim_) - count_));
}

Tensor CouplingPlaces::b(const Tensor& net) const {
  return shift_ ? turned(net.select(1, 0)) : Tensor();
}

Tensor CouplingPlaces::raw(const Tensor& net) const {
  return scale_ ? turned(net.select(1, net.size(1) - 1)) : Tensor();
}

}  // namespace fluvox::ops
