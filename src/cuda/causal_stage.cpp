// An affine coupling around a causal_wn, FloWaveNet's (cuda/causal_net.h).
#include <algorithm>

#include "cuda/causal_net.h"
#include "cuda/halves_stage.h"

namespace fluvox::cuda {
namespace {

template <class T>
class CausalStage : public HalvesStage {
 public:
  CausalStage(const flow::Coupling& step, const net::CausalWn& net, int fold,
              const std::string& where, net::Weights weights)
      : HalvesStage(step, where),
        half_(step.condition == "half"),
        second_(step.keep == "second"),
        conditioned_(net.condition > 0),
        net_(net, fold, std::move(weights)) {}

  int64_t lag() const override { return net_.lag(); }
  int64_t past() const override { return std::max(net_.lag(), net_.past()); }

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column) const override {
    const Rows<T> features = !conditioned_ ? Rows<T>()
                             : half_       ? rounded_half<T>(tape, second_)
                                           : rounded_condition<T>(tape);
    couple(tape, z, x, column,
           net_.lay(tape, z, halves().kept, halves().stride, features, x.delay));
  }

 private:
  bool half_, second_, conditioned_;
  CausalNet<T> net_;
};

}  // namespace

StagePtr make_causal(const flow::Coupling& step, const net::CausalWn& net, int fold,
                     const std::string& where, net::Weights net_weights, Precision precision) {
  if (net.kernel + 1 > kernels::kMaxSegments)
    refuse_part(where + ".net", text("a causal_wn with ", net.kernel, " taps"));
  // Half of the folded condition is half of each row where that has an even number of channels.
  if (step.condition == "half" &&
      (net.condition % fold != 0 || (step.keep != "first" && step.keep != "second")))
    refuse_part(where, "a coupling with this half of the condition");
  return in_precision(precision, [&]<class T>() -> StagePtr {
    return std::make_unique<CausalStage<T>>(step, net, fold, where, std::move(net_weights));
  });
}

}  // namespace fluvox::cuda
