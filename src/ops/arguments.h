// What the operators' CPU and CUDA parts share: looking at the arguments, and at where their
// numbers lie.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "core/error.h"
#include "kernels/coupling.h"
#include "kernels/view.h"

namespace fluvox::ops {

using at::Tensor;

// Refuses unless `holds`: "fluvox::gate: expected ..., found ..."
template <class... Found>
void expect_shape(bool holds, const char* op, const char* expected, const Found&... found) {
  if (!holds)
    throw Error(Fault::input, "shape-mismatch",
                text("fluvox::", op, ": expected ", expected, ", found ", found...));
}

// other, named what, is on x's device and of the type `wanted`.
void expect_alike(const char* op, const char* what, const Tensor& x, const Tensor& other,
                  at::ScalarType wanted);

// x is of a type that the operator computes in on its device.
void expect_type(const char* op, const Tensor& x);

// float64 for float64, else float32: of what is never kept in 16 bits.
inline at::ScalarType wide(const Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// x [B, R, K] as a kernel reads it
template <class T>
kernels::Batch<T> batch_of(const Tensor& x) {
  return {reinterpret_cast<T*>(x.data_ptr()), x.stride(0), x.stride(1), x.stride(2)};
}

template <class T>
kernels::ViewOf<T> item_of(const Tensor& x, int64_t item) {
  return {reinterpret_cast<T*>(x.data_ptr()) + item * x.stride(0), x.stride(1), x.stride(2)};
}

// The places of a coupling, as views [B, rows, columns] of which the columns lie closer together.
class CouplingPlaces {
 public:
  // Looks at all arguments; `op` is the operator's name for messages.
  CouplingPlaces(const char* op, const Tensor& x, const Tensor& net, int64_t dim, int64_t first,
                 int64_t step, bool shift, const std::string& scale, double limit);

  Tensor changed(const Tensor& x) const;
  Tensor kept(const Tensor& x) const;  // may be empty
  Tensor b(const Tensor& net) const;   // undefined where there is none
  Tensor raw(const Tensor& net) const;
  kernels::ScaleBound bound() const { return bound_; }

 private:
  Tensor turned(const Tensor& x) const { return turned_ ? x.transpose(1, 2) : x; }

  int64_t dim_, first_, step_, count_;
  bool shift_, scale_;
  kernels::ScaleBound bound_ = kernels::ScaleBound::exact;
  bool turned_;
};

}  // namespace fluvox::ops
