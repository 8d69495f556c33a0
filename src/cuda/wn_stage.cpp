// An affine coupling around a WN: one launch a layer (kernels/wn_layer.h).
#include "cuda/halves_stage.h"
#include "net/wn.h"

namespace fluvox::cuda {
namespace {

template <class T>
class WnStage : public HalvesStage {
 public:
  WnStage(const flow::Coupling& step, const net::Wn& wn, int fold, const std::string& where,
          net::Weights weights)
      : HalvesStage(step, where),
        wn_(wn),
        fold_(fold),
        channels_(padded(wn.channels, kChannelsMultiple)),
        seen_(padded(wn.inputs + 1, kRowNumbers)) {
    const net::FoldedWnEnds ends = net::fold_wn(wn, weights, [&](const net::FoldedWnLayer& layer) {
      layers_.emplace_back(layer, wn.channels, layers_.empty() ? seen_ : channels_, wn.outputs,
                           fold);
    });
    std::vector<float> out_bias = ends.out_bias;
    out_bias.resize(static_cast<size_t>(padded(wn.outputs, 2)));
    out_bias_ = Constant(out_bias);
    if (wn.layers > 1) start_.emplace(ends.start, ends.start_bias, seen_, channels_);
  }

  int64_t lag() const override {
    int64_t sum = 0;
    for (int l = 0; l < wn_.layers; ++l) sum += reach(l);
    return sum;
  }

  // The arrays are those of the formula in net/wn_folded.h; h is kept in place, layer by layer.
  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column) const override {
    const int64_t left = x.delay;
    const Rows<T> features = wn_.condition > 0 ? rounded_condition<T>(tape) : Rows<T>();
    Rows<T> in = kept<T>(tape, z, seen_, true, 2 * reach(0));

    int64_t delay = z.delay + tape.lag(reach(0));  // of the layer at work
    const Rows<float> out = tape.rows<float>(padded(wn_.outputs, 2), delay, left - delay, "out");
    fill(tape, out, out_bias_, delay);
    Rows<float> h;
    if (start_) {
      h = tape.rows<float>(channels_, delay, left - delay, "h");
      start_->into(tape, in, h, delay);
    }
    for (int l = 0; l < wn_.layers; ++l) {
      if (l > 0) delay += tape.lag(reach(l));
      const GatedLayer<T>& made = layers_[static_cast<size_t>(l)];
      kernels::WnLayer<T> layer = made.shape();
      for (int tap = 0; tap < wn_.kernel; ++tap)
        layer.segments.at[tap] = {in.at(delay), in.width, in.width,
                                  (tap - wn_.kernel / 2) * (std::ptrdiff_t{1} << l)};
      if (wn_.condition > 0) layer.segments.at[wn_.kernel] = seen_condition(features, delay, fold_);
      layer.out = out.at(delay);
      layer.out_stride = out.width;
      Rows<T> next;
      if (l + 1 < wn_.layers) {
        next = tape.rows<T>(channels_, delay, 2 * reach(l + 1), l % 2 == 0 ? "x0" : "x1");
        layer.h = layer.h_next = h.at(delay);
        layer.h_stride = layer.h_next_stride = h.width;
        layer.x_next = next.at(delay);
        layer.x_next_stride = next.width;
      }
      made.add(tape, layer, delay);
      in = next;
    }
    couple(tape, z, x, column, out);
  }

 private:
  int64_t reach(int l) const { return (int64_t{1} << l) * (wn_.kernel / 2); }

  net::Wn wn_;
  int fold_;
  int channels_, seen_;  // padded
  std::vector<GatedLayer<T>> layers_;
  Constant<float> out_bias_;
  std::optional<Product<T>> start_;
};

}  // namespace

StagePtr make_wn(const flow::Coupling& step, const net::Wn& wn, int fold, const std::string& where,
                 net::Weights net_weights, Precision precision) {
  if (step.condition == "half") refuse_part(where, "a coupling with condition 'half'");
  if (wn.kernel + 1 > kernels::kMaxSegments)
    refuse_part(where + ".net", text("a wn with ", wn.kernel, " taps"));
  return in_precision(precision, [&]<class T>() -> StagePtr {
    return std::make_unique<WnStage<T>>(step, wn, fold, where, std::move(net_weights));
  });
}

}  // namespace fluvox::cuda
