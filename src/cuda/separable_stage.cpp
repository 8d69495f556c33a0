// An affine coupling around a separable net (net/separable.h): two launches a layer, the depthwise
// convolution and a gated layer (kernels/wn_layer.h) without taps, whose residual is res_l.
#include "cuda/halves_stage.h"
#include "net/norm_folded.h"
#include "net/separable.h"

namespace fluvox::cuda {
namespace {

template <class T>
class SeparableStage : public HalvesStage {
 public:
  SeparableStage(const flow::Coupling& step, const net::Separable& net, int fold,
                 const std::string& where, net::Weights weights)
      : HalvesStage(step, where),
        net_(net),
        fold_(fold),
        channels_(padded(net.channels, kChannelsMultiple)),
        seen_(padded(net.inputs, kRowNumbers)) {
    const auto one_by_one = [&](const std::string& name, int outputs, int inputs) {
      return net::take_matrices(weights, name, outputs, inputs, {1});
    };
    const net::ConvMatrices start = one_by_one("start", net.channels, net.inputs);
    start_.emplace(start.taps[0], start.bias, seen_, channels_);
    const net::ConvMatrices end = one_by_one("end", net.outputs, net.channels);
    end_.emplace(end.taps[0], end.bias, channels_, padded(net.outputs, 2));
    std::vector<net::FoldedWnLayer> layers;
    for (int l = 0; l < net.layers; ++l) {
      const net::ConvMatrices in =
          one_by_one(text("in_layers.", l, ".pointwise"), 2 * net.channels, net.channels);
      const net::ConvMatrices res = one_by_one(text("res_layers.", l), net.channels, net.channels);
      layers.push_back({1, in.taps, {}, in.bias, res.taps[0], res.bias});
      depthwise_.push_back(take_depthwise(weights.in(text("in_layers.", l))));
    }
    net::take_condition(weights, net.condition, layers);
    for (const net::FoldedWnLayer& layer : layers)
      layers_.emplace_back(layer, net.channels, channels_, 0, fold);
  }

  int64_t lag() const override { return net_.layers * reach(); }

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column) const override {
    const Rows<T> features = rounded_condition<T>(tape);
    int64_t delay = z.delay;
    const Rows<T> in = kept<T>(tape, z, seen_, false, 0);
    // Not in place: a layer looks back at rows of the layer before.
    const auto next_h = [&](int l) {
      return tape.rows<float>(channels_, delay, 2 * reach(), l % 2 == 0 ? "h0" : "h1");
    };
    Rows<float> h = next_h(0);
    start_->into(tape, in, h, delay);
    Rows<T> rounded;  // h, of the last layer
    for (int l = 0; l < net_.layers; ++l) {
      delay += tape.lag(reach());
      const Rows<T> d = tape.rows<T>(channels_, delay, 0, "d");
      add_depthwise(tape, depthwise_[static_cast<size_t>(l)], h, d, delay);
      const GatedLayer<T>& made = layers_[static_cast<size_t>(l)];
      kernels::WnLayer<T> layer = made.shape();
      layer.segments.at[0] = {d.at(delay), d.width, d.width};
      layer.segments.at[1] = seen_condition(features, delay, fold_);
      layer.h = h.at(delay);
      layer.h_stride = h.width;
      h = next_h(l + 1);
      layer.h_next = h.at(delay);
      layer.h_next_stride = h.width;
      rounded = tape.rows<T>(channels_, delay, 0, "x0");
      layer.x_next = rounded.at(delay);
      layer.x_next_stride = rounded.width;
      made.add(tape, layer, delay);
    }
    const Rows<float> out = tape.rows<float>(end_->outputs(), delay, 0, "out");
    end_->into(tape, rounded, out, delay);
    couple(tape, z, x, column, out);
  }

 private:
  struct Depthwise {
    Constant<float> scale, offset, w, bias;
  };

  int64_t reach() const { return net_.kernel / 2; }

  // The norm and the taps, channel by channel.
  Depthwise take_depthwise(net::Weights weights) const {
    net::FoldedNorm norm(weights.in("norm"), net_.channels);
    const std::vector<float> taps =
        weights.take("depthwise.weight", {net_.channels, 1, net_.kernel});
    std::vector<float> bias = weights.take("depthwise.bias", {net_.channels});
    std::vector<float> by_tap(static_cast<size_t>(net_.kernel * channels_));
    for (int c = 0; c < net_.channels; ++c)
      for (int tap = 0; tap < net_.kernel; ++tap)
        by_tap[static_cast<size_t>(tap * channels_ + c)] =
            taps[static_cast<size_t>(c * net_.kernel + tap)];
    for (std::vector<float>* values : {&norm.scale, &norm.offset, &bias})
      values->resize(static_cast<size_t>(channels_));
    return {Constant(norm.scale), Constant(norm.offset), Constant(by_tap), Constant(bias)};
  }

  void add_depthwise(Tape& tape, const Depthwise& made, const Rows<float>& h, const Rows<T>& d,
                     int64_t delay) const {
    const kernels::DepthwiseRows<T> depthwise = {
        channels_,        net_.kernel, made.scale.data(), made.offset.data(), made.w.data(),
        made.bias.data(), h.at(delay), d.at(delay),       channels_};
    tape.over(delay,
              [=](auto... rows) { return kernels::depthwise_rows_cuda(depthwise, rows...); });
  }

  net::Separable net_;
  int fold_;
  int channels_, seen_;  // padded
  std::optional<Product<T>> start_, end_;
  std::vector<Depthwise> depthwise_;
  std::vector<GatedLayer<T>> layers_;
};

}  // namespace

StagePtr make_separable(const flow::Coupling& step, const net::Separable& net, int fold,
                        const std::string& where, net::Weights net_weights, Precision precision) {
  if (step.condition == "half") refuse_part(where, "a coupling with condition 'half'");
  return in_precision(precision, [&]<class T>() -> StagePtr {
    return std::make_unique<SeparableStage<T>>(step, net, fold, where, std::move(net_weights));
  });
}

}  // namespace fluvox::cuda
