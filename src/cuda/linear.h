// The linear steps behind a stage, folded in double, and the rows that they map (flow_rows.h).
#pragma once

#include "cuda/stage.h"

namespace fluvox::cuda {

void add_coupled(Tape& tape, const kernels::CoupledRows& coupled, int64_t delay);
// s = limit tanh(raw / limit); as it is where limit is 0
void bound_by(double limit, kernels::CoupledRows& coupled);

// A stage that takes along whatever linear steps follow it.
class FoldingStage : public Stage {
 public:
  bool take(const Linear& linear) override;
  void seal() override;

 protected:
  explicit FoldingStage(int channels) : channels_(channels) {}
  // z, as it is or mapped, becomes x, without a coupling yet.
  kernels::CoupledRows rows(const Rows<float>& z, const Rows<float>& x, int column) const;

 private:
  int channels_;
  std::optional<Linear> folded_;
  Constant<float> matrix_, constant_;
};

}  // namespace fluvox::cuda
