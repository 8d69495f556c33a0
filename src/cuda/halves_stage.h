// An affine coupling of channel halves (flow/coupling.h) around whatever net: what enters the net
// and what its output does. The nets are <net>_stage.cpp.
#pragma once

#include <string>

#include "cuda/gated.h"
#include "cuda/linear.h"
#include "flow/coupling.h"
#include "flow/halves.h"

namespace fluvox::cuda {

class HalvesStage : public FoldingStage {
 public:
  HalvesStage(const flow::Coupling& step, const std::string& where)
      : FoldingStage(step.channels),
        step_(step),
        halves_(flow::halves_of(step.keep, step.channels, where)) {}

 protected:
  const flow::Halves& halves() const { return halves_; }
  // [kept | 1 where `one` | zeros], of which later rows look back at `past`.
  template <class T>
  Rows<T> kept(Tape& tape, const Rows<float>& z, int width, bool one, int64_t past) const {
    const Rows<T> in = tape.rows<T>(width, z.delay, past, "kept");
    gather<T>(tape,
              {z.at(z.delay), z.width, halves_.kept, halves_.stride, halves_.count, one,
               in.at(z.delay), in.width, width},
              z.delay);
    return in;
  }
  // x, from z and the net's output.
  void couple(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column,
              const Rows<float>& out) const;

 private:
  flow::Coupling step_;
  flow::Halves halves_;
};

}  // namespace fluvox::cuda
