// A step of a flow as the GPU samples it, with its weights there. Linear steps are none of their
// own: they are folded into one matrix behind the stage before them (Linear).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "cuda/memory.h"
#include "cuda/precision.h"
#include "cuda/tape.h"
#include "flow/coupling.h"
#include "flow/grid_coupling.h"
#include "flow/knee.h"
#include "flow/masked.h"
#include "flow/row_coupling.h"
#include "kernels/storage.h"
#include "net/causal_wn.h"
#include "net/conv2d.h"
#include "net/separable.h"
#include "net/weights.h"
#include "net/wn.h"
#include "net/wn2d.h"

namespace fluvox::cuda {

// x -> matrix x + constant, on the host until it is complete.
struct Linear {
  int channels;
  std::vector<double> matrix;  // [channels][channels]
  std::vector<double> constant;

  // `next` behind this
  void then(const Linear& next);
};

class Stage {
 public:
  virtual ~Stage() = default;
  // Rows of z that come after a row before it can be made.
  virtual int64_t lag() const { return 0; }
  // Rows that it looks back at in what enters.
  virtual int64_t past() const { return lag(); }
  // Whether its rows can come piece by piece; else it is sampled whole alone.
  virtual bool streams() const { return true; }
  // Whether it reads the condition as it comes, not rounded for a net.
  virtual bool reads_features() const { return false; }
  // z: what enters; x: what leaves, its delay being z's and the lag. The first `column` columns of
  // x belong to others; more than 0 only where a linear step was taken.
  virtual void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column) const = 0;
  // Takes along a linear step that follows; false where it cannot.
  virtual bool take(const Linear&) { return false; }
  virtual void seal() {}  // no more of them will come
};
using StagePtr = std::unique_ptr<Stage>;

// Rows in the precision of the nets, filled up with zeros so that products take them.
constexpr int padded(int columns, int multiple) {
  return (columns + multiple - 1) / multiple * multiple;
}
inline constexpr int kRowNumbers = 8;  // 16 bytes of 16 bits, 32 of float

[[noreturn]] void refuse_part(const std::string& where, const std::string& what);

// make<T>() with the T that the nets are multiplied in.
template <class Make>
StagePtr in_precision(Precision precision, Make make) {
  if (precision == Precision::bf16) return make.template operator()<kernels::Bf16>();
  if (precision == Precision::fp16) return make.template operator()<kernels::Half>();
  return make.template operator()<float>();
}

StagePtr make_linear(const Linear& linear);
StagePtr make_knee(const flow::Knee& knee, int channels);
// step.net was read into the second. fold: rows of the condition in a row of the step.
StagePtr make_wn(const flow::Coupling& step, const net::Wn& wn, int fold, const std::string& where,
                 net::Weights net_weights, Precision precision);
StagePtr make_separable(const flow::Coupling& step, const net::Separable& net, int fold,
                        const std::string& where, net::Weights net_weights, Precision precision);
StagePtr make_causal(const flow::Coupling& step, const net::CausalWn& net, int fold,
                     const std::string& where, net::Weights net_weights, Precision precision);
StagePtr make_masked(const flow::Masked& step, const net::CausalWn& net, int fold,
                     const std::string& where, net::Weights net_weights, Precision precision);
StagePtr make_row_coupling(const flow::RowCoupling& step, const net::Wn2d& wn, int fold,
                           const std::string& where, net::Weights net_weights, Precision precision);
StagePtr make_grid(const flow::GridCoupling& step, const net::Conv2d& net, int bins,
                   const std::string& where, net::Weights net_weights, Precision precision);
StagePtr make_whiten(int bins, net::Weights weights);
StagePtr make_lapped(int hop, const std::string& where);

}  // namespace fluvox::cuda
