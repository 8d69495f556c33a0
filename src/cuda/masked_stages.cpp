// The masked step around a causal WN (flow/masked.h, net/causal_wn.h). Where sampling is serial
// (MAF) one launch makes all its samples, one after the other (kernels/causal_steps.h); where it
// takes one call of the net (IAF), one launch a layer (kernels/wn_layer.h).
#include <cmath>

#include "cuda/gated.h"
#include "cuda/linear.h"
#include "flow/masked.h"
#include "kernels/causal_steps.h"
#include "net/causal_wn.h"

namespace fluvox::cuda {
namespace {

// The net's tensors, each layer as one of a folded WN whose outputs are the skips.
struct CausalMatrices {
  CausalMatrices(const net::CausalWn& net, net::Weights& weights)
      : front(net.front * net.inputs, net.channels),
        mid(net::take_matrices(weights, "mid", net.channels, net.channels, {1})),
        end(net::take_matrices(weights, "end", net.outputs, net.channels, {1})) {
    net::ConvMatrices taps =
        net::take_matrices(weights, "front", net.channels, net.inputs, {net.front});
    front_bias = std::move(taps.bias);
    front.values.clear();
    for (const net::Matrix& tap : taps.taps)
      front.values.insert(front.values.end(), tap.values.begin(), tap.values.end());
    for (int l = 0; l < net.layers; ++l) {
      const net::ConvMatrices in = net::take_matrices(weights, text("in_layers.", l),
                                                      2 * net.channels, net.channels, {net.kernel});
      const net::ConvMatrices res_skip =
          net::take_matrices(weights, text("res_skip_layers.", l),
                             (l + 1 < net.layers ? 2 : 1) * net.channels, net.channels, {1});
      layers.push_back(
          {net::dilation(net, l), in.taps, {}, in.bias, res_skip.taps[0], res_skip.bias});
    }
    net::take_condition(weights, net.condition, layers);
  }

  net::Matrix front;  // its taps by time, each with its inputs
  std::vector<float> front_bias;
  std::vector<net::FoldedWnLayer> layers;
  net::ConvMatrices mid, end;
};

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
class AtOnceStage : public Stage {
 public:
  AtOnceStage(const flow::Masked& step, const net::CausalWn& net, int fold, net::Weights weights)
      : step_(step),
        net_(net),
        fold_(fold),
        channels_(padded(net.channels, kChannelsMultiple)),
        window_(padded(net.front * net.inputs, kRowNumbers)),
        folded_(step.channels) {
    CausalMatrices matrices(net, weights);
    front_.emplace(matrices.front, matrices.front_bias, window_, channels_);
    for (const net::FoldedWnLayer& layer : matrices.layers)
      layers_.emplace_back(layer, net.channels, channels_, net.channels, fold);
    mid_.emplace(matrices.mid.taps[0], matrices.mid.bias, channels_, channels_);
    end_.emplace(matrices.end.taps[0], matrices.end.bias, channels_, padded(net.outputs, 2));
    nothing_ = Constant(std::vector<float>(static_cast<size_t>(channels_)));
  }

  int64_t past() const override { return net_.front; }
  bool take(const Linear& linear) override {
    folded_.take(linear);
    return true;
  }
  void seal() override { folded_.seal(); }

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column) const override {
    const int64_t delay = z.delay;  // nothing looks ahead
    const Rows<T> features = net_.condition > 0 ? rounded_condition<T>(tape) : Rows<T>();
    const Rows<T> seen = tape.rows<T>(window_, delay, 0, "kept");
    tape.add([=, spans = tape.spans(delay), series = tape.series(), rows = tape.rows_at_most(),
              this](kernels::Stream stream) {
      return kernels::windowed_rows_cuda<T>(
          {z.at(delay), z.width, net_.front, -net_.front, seen.at(delay), seen.width}, spans,
          series, rows, stream);
    });

    const Rows<float> h = tape.rows<float>(channels_, delay, 0, "h");
    const Rows<float> skip = tape.rows<float>(channels_, delay, 0, "skip");
    Rows<T> in = tape.rows<T>(channels_, delay, look_back(0), "x1");
    kernels::MmaProduct<T> front = front_->of(seen, delay);
    front.relu = true;
    front.y = h.at(delay);
    front.y_stride = h.width;
    front.rounded = in.at(delay);
    front.rounded_stride = in.width;
    front_->add(tape, front, delay);
    fill(tape, skip, nothing_, delay);
    for (int l = 0; l < net_.layers; ++l) {
      const GatedLayer<T>& made = layers_[static_cast<size_t>(l)];
      kernels::WnLayer<T> layer = made.shape();
      for (int tap = 0; tap < net_.kernel; ++tap)
        layer.segments.at[tap] = {in.at(delay), in.width, in.width,
                                  (tap + 1 - net_.kernel) * net::dilation(net_, l)};
      if (net_.condition > 0)
        layer.segments.at[net_.kernel] = seen_condition(features, delay, fold_);
      layer.scale = std::sqrt(0.5f);
      layer.out = skip.at(delay);
      layer.out_stride = skip.width;
      if (l + 1 < net_.layers) {
        in = tape.rows<T>(channels_, delay, look_back(l + 1), l % 2 == 0 ? "x0" : "x1");
        layer.h = layer.h_next = h.at(delay);
        layer.h_stride = layer.h_next_stride = h.width;
        layer.x_next = in.at(delay);
        layer.x_next_stride = in.width;
      }
      made.add(tape, layer, delay);
    }

    const Rows<T> sent = tape.rows<T>(channels_, delay, 0, "sent");
    const Rows<T> middle = tape.rows<T>(channels_, delay, 0, "middle");
    const Rows<float> out = tape.rows<float>(end_->outputs(), delay, 0, "out");
    gather<T>(tape,
              {skip.at(delay), skip.width, 0, 1, skip.width, false, sent.at(delay), sent.width,
               sent.width, true},
              delay);
    kernels::MmaProduct<T> mid = mid_->of(sent, delay);
    mid.relu = true;
    mid.rounded = middle.at(delay);
    mid.rounded_stride = middle.width;
    mid_->add(tape, mid, delay);
    kernels::MmaProduct<T> end = end_->of(middle, delay);
    end.y = out.at(delay);
    end.y_stride = out.width;
    end_->add(tape, end, delay);

    kernels::CoupledRows coupled = folded_.rows(z, x, column);
    coupled.count = step_.channels;
    coupled.turned = true;
    coupled.b = out.at(delay);
    coupled.raw = out.at(delay) + step_.channels;
    coupled.out_stride = out.width;
    if (step_.limit > 0) {
      coupled.bound = kernels::ScaleBound::tanh;
      coupled.limit = static_cast<float>(step_.limit);
    }
    add_coupled(tape, coupled, delay);
  }

 private:
  int64_t look_back(int l) const { return (net_.kernel - 1) * net::dilation(net_, l); }

  flow::Masked step_;
  net::CausalWn net_;
  int fold_;
  int channels_, window_;  // padded
  FoldedLinear folded_;
  std::vector<GatedLayer<T>> layers_;
  std::optional<Product<T>> front_, mid_, end_;
  Constant<float> nothing_;
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
