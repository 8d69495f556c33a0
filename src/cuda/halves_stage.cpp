#include "cuda/halves_stage.h"

namespace fluvox::cuda {

void HalvesStage::couple(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column,
                         const Rows<float>& out) const {
  const int64_t left = x.delay;
  kernels::CoupledRows coupled = rows(z, x, column);
  coupled.changed = halves_.changed;
  coupled.step = halves_.stride;
  coupled.count = halves_.count;
  coupled.out_stride = out.width;
  if (step_.shift) coupled.b = out.at(left);
  if (step_.scale != "none") coupled.raw = out.at(left) + (step_.shift ? halves_.count : 0);
  if (step_.scale == "sigmoid") coupled.bound = kernels::ScaleBound::sigmoid;
  bound_by(step_.limit, coupled);
  add_coupled(tape, coupled, left);
}

}  // namespace fluvox::cuda
