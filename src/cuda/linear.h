// The linear steps behind a stage, folded in double, and the rows that they map (flow_rows.h).
#pragma once

#include "cuda/stage.h"

namespace fluvox::cuda {

void add_coupled(Tape& tape, const kernels::CoupledRows& coupled, int64_t delay);

class FoldedLinear {
 public:
  explicit FoldedLinear(int channels) : channels_(channels) {}
  void take(const Linear& linear);
  void seal();
  // z, as it is or mapped, becomes x, without a coupling yet.
  kernels::CoupledRows rows(const Rows<float>& z, const Rows<float>& x, int column) const;

 private:
  int channels_;
  std::optional<Linear> folded_;
  Constant<float> matrix_, constant_;
};

}  // namespace fluvox::cuda
