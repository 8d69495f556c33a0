// The affine coupling (coupling.h has the formulas) over a batch on the GPU, as training asks for
// it: in one launch what is kept is copied too, and a log-determinant belongs to an item.
//
// Shapes: the places that change are [items][rows][columns] of x, z, raw and b; those that are kept
// are [items][kept_rows][kept_columns], and z has x's numbers there. Every batch has strides of its
// own (view.h), so halves of channels, every other channel, bin or frame, and what a squeeze leaves
// are all read where they lie. For speed neighbouring columns are neighbours in memory.
// Dtypes: T is float, Bf16 or Half; the arithmetic is float32.
// Order: an item's log-determinant is summed in double, in pieces of kCouplingPiece places; each
// piece by a tree, then the pieces by another. rows, columns and kept places decide that order, the
// number of items does not. No atomics.
// Aliasing: as in coupling.h. rows * columns + kept_rows * kept_columns < 2^31.
// The CPU twins are those of coupling.h, an item at a time.
#pragma once

#include "kernels/coupling.h"
#include "kernels/storage.h"

namespace fluvox::kernels {

inline constexpr int kCouplingPiece = 1024;

template <class T>
struct CouplingBatch {
  std::ptrdiff_t items;
  int rows, columns;
  Batch<const T> raw;  // without data: s = 0
  Batch<const T> b;    // without data: b = 0
  ScaleBound bound = ScaleBound::exact;
  float clamp = 1;
  int kept_rows = 0, kept_columns = 0;

  // of the sums of an item
  std::ptrdiff_t pieces() const {
    return (std::ptrdiff_t{rows} * columns + std::ptrdiff_t{kept_rows} * kept_columns +
            kCouplingPiece - 1) /
           kCouplingPiece;
  }
};

// The changed and the kept places of one array.
template <class T>
struct Places {
  Batch<T> changed, kept;
};

// log_det: [items], overwritten; sums: room for items * pieces() numbers. Both may be nullptr.
template <class T>
Status coupling_batch_forward_cuda(const CouplingBatch<T>& c, const Places<const T>& x,
                                   const Places<T>& z, double* sums, double* log_det,
                                   Stream stream);

template <class T>
Status coupling_batch_inverse_cuda(const CouplingBatch<T>& c, const Places<const T>& z,
                                   const Places<T>& x, Stream stream);

template <class T>
struct CouplingBatchGradients {
  Places<T> x;      // of the inverse: z
  Batch<T> b, raw;  // without data: not asked for
};

// x: the changed places that forward was given. g_log_det: [items] or nullptr for zeros.
template <class T>
Status coupling_batch_backward_cuda(const CouplingBatch<T>& c, Batch<const T> x,
                                    const Places<const T>& gz, const float* g_log_det,
                                    const CouplingBatchGradients<T>& g, Stream stream);

// x: the changed places that the inverse gave.
template <class T>
Status coupling_batch_inverse_backward_cuda(const CouplingBatch<T>& c, Batch<const T> x,
                                            const Places<const T>& gx,
                                            const CouplingBatchGradients<T>& g, Stream stream);

}  // namespace fluvox::kernels
