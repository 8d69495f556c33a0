// The masked step around a causal WN (flow/masked.h, net/causal_wn.h). Where sampling is serial
// (MAF) one launch makes all its samples, one after the other (kernels/causal_steps.h); where it
// takes one call of the net (IAF), one launch a layer (cuda/causal_net.h).
#include "cuda/causal_net.h"
#include "cuda/linear.h"
#include "flow/masked.h"
#include "kernels/causal_steps.h"

namespace fluvox::cuda {
namespace {

template <class T>
class SerialStage : public Stage {
 public:
  SerialStage(const flow::Masked& step, const net::CausalWn& net, net::Weights weights)
      : shape_{net.inputs, net.channels, net.layers,    net.cycle,
               net.kernel, net.front,    net.condition, static_cast<float>(step.limit)} {
    const CausalMatrices matrices(net, weights);
    std::vector<T> w;
    std::vector<float> bias;
    const auto add = [&](const net::Matrix& matrix) {
      for (const double value : matrix.values)
        w.push_back(kernels::stored<T>(static_cast<float>(value)));
    };
    const auto add_bias = [&](const std::vector<float>& values) {
      bias.insert(bias.end(), values.begin(), values.end());
    };
    add(matrices.front);
    add_bias(matrices.front_bias);
    for (const net::FoldedWnLayer& layer : matrices.layers) {
      for (const net::Matrix& tap : layer.taps) add(tap);
      if (layer.condition) add(*layer.condition);
      add_bias(layer.bias);
      add(layer.after);
      add_bias(layer.after_bias);
    }
    for (const net::ConvMatrices* last : {&matrices.mid, &matrices.end}) {
      add(last->taps[0]);
      add_bias(last->bias);
    }
    w_ = Constant(w);
    bias_ = Constant(bias);
  }

  bool reads_features() const override { return true; }

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int) const override {
    const int64_t delay = z.delay;
    float* state = tape.state(static_cast<int64_t>(shape_.state_size()));
    const kernels::CausalWeights<T> weights = {w_.data(), bias_.data()};
    tape.add([=, shape = shape_, features = tape.features, spans = tape.spans(delay),
              series = tape.series()](kernels::Stream stream) {
      return kernels::causal_steps_cuda(shape, weights, spans, series, z.at(delay),
                                        features.at(delay), state, x.at(delay), stream);
    });
  }

 private:
  kernels::CausalShape shape_;
  Constant<T> w_;
  Constant<float> bias_;
};

template <class T>
class AtOnceStage : public FoldingStage {
 public:
  AtOnceStage(const flow::Masked& step, const net::CausalWn& net, int fold, net::Weights weights)
      : FoldingStage(step.channels),
        step_(step),
        conditioned_(net.condition > 0),
        net_(net, fold, std::move(weights)) {}

  int64_t past() const override { return net_.past(); }  // nothing looks ahead

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column) const override {
    const Rows<T> features = conditioned_ ? rounded_condition<T>(tape) : Rows<T>();
    const Rows<float> out = net_.lay(tape, z, 0, 1, features, x.delay);
    kernels::CoupledRows coupled = rows(z, x, column);
    coupled.count = step_.channels;
    coupled.turned = true;
    coupled.b = out.at(x.delay);
    coupled.raw = out.at(x.delay) + step_.channels;
    coupled.out_stride = out.width;
    bound_by(step_.limit, coupled);
    add_coupled(tape, coupled, x.delay);
  }

 private:
  flow::Masked step_;
  bool conditioned_;
  CausalNet<T> net_;
};

}  // namespace

StagePtr make_masked(const flow::Masked& step, const net::CausalWn& net, int fold,
                     const std::string& where, net::Weights net_weights, Precision precision) {
  const bool at_once = flow::ways(step).parallel_inverse;
  if (at_once && net.kernel + 1 > kernels::kMaxSegments)
    refuse_part(where + ".net", text("a causal_wn with ", net.kernel, " taps"));
  if (!at_once && fold > 1)
    refuse_part(where, text("sampling one by one beside ", fold, " rows of the condition"));
  return in_precision(precision, [&]<class T>() -> StagePtr {
    if (at_once) return std::make_unique<AtOnceStage<T>>(step, net, fold, std::move(net_weights));
    return std::make_unique<SerialStage<T>>(step, net, std::move(net_weights));
  });
}

}  // namespace fluvox::cuda
