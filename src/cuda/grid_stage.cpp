// An affine coupling over a time x bin grid around a conv2d: one launch a convolution, the last one
// with the coupling in its end (kernels/conv2d.h).
#include <algorithm>

#include "cuda/linear.h"
#include "kernels/conv2d.h"
#include "kernels/grid_rows.h"

namespace fluvox::cuda {
namespace {

constexpr int kChannelsMultiple = 16;

template <class T>
class GridStage : public Stage {
 public:
  GridStage(const flow::GridCoupling& step, const net::Conv2d& net, int bins, std::string where,
            net::Weights weights)
      : net_(net),
        by_frames_(step.axis == "frames"),
        keep_(step.keep),
        limit_(static_cast<float>(step.limit)),
        bins_(bins),
        channels_(padded(net.channels, kChannelsMultiple)),
        seen_(padded(net.inputs, kRowNumbers)),
        where_(std::move(where)) {
    layers_.push_back(take(weights, "first", net.inputs, seen_, 1));
    for (size_t l = 0; l < net.dilations.size(); ++l)
      layers_.push_back(
          take(weights, text("layers.", l), net.channels, channels_, net.dilations[l]));
    const std::vector<float> w = weights.take("last.weight", {2, net.channels, 1, 1});
    std::vector<float> last(static_cast<size_t>(2 * channels_));
    for (int c = 0; c < net.channels; ++c)
      for (int o = 0; o < 2; ++o)
        last[static_cast<size_t>(2 * c + o)] = w[static_cast<size_t>(o * net.channels + c)];
    last_ = Constant(last);
    last_bias_ = Constant(weights.take("last.bias", {2}));
  }

  int64_t past() const override { return by_frames_ ? 2 : 0; }  // the pair before
  bool reads_features() const override { return true; }

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int) const override {
    if (by_frames_ && z.delay % 2 != 0)
      refuse_part(where_, "pairs of frames behind a step that looks an odd number of frames ahead");
    const int series = tape.series(), columns = by_frames_ ? bins_ : bins_ / 2;
    const int unit = by_frames_ ? 2 : 1;
    const int64_t frames = tape.rows_at_most(), rows = frames / unit + 1;
    const int64_t delay = z.delay, mine = delay / unit;  // in rows of the net
    const kernels::Span* spans = by_frames_ ? tape.pair_spans(delay, keep_) : tape.spans(delay);

    // What is kept leaves as it is, and what changes is written over it by the last convolution.
    kernels::CoupledRows same{};
    same.channels = bins_;
    same.step = 1;
    same.z = z.at(delay);
    same.z_stride = z.width;
    same.y = x.at(delay);
    same.y_stride = x.width;
    add_coupled(tape, same, delay);

    const int64_t back = net_.kernel - 1;
    Rows<T> in = tape.rows<T>(columns * seen_, mine, back, "seen", unit);
    const Rows<float> features = tape.features;
    const int maps = features.width / bins_;
    tape.add([=, this](kernels::Stream stream) {
      return kernels::grid_seen_cuda<T>(
          {by_frames_, keep_, bins_, maps, z.at(delay), features.at(delay), in.at(mine), seen_},
          spans, series, rows, stream);
    });

    const Rows<float> h = tape.rows<float>(columns * channels_, mine, 0, "h", unit);
    const int first_changed = by_frames_ ? (1 - keep_) * bins_ : 1 - keep_;
    const int x_first = by_frames_ ? (1 - keep_) * x.width : 1 - keep_;
    const int across = by_frames_ ? 1 : 2;
    const kernels::Conv2dAffine affine = {
        {z.at(delay) + first_changed, unit * std::ptrdiff_t{z.width}, across},
        {x.at(delay) + x_first, unit * std::ptrdiff_t{x.width}, across},
        limit_,
        true};
    for (size_t l = 0; l < layers_.size(); ++l) {
      const bool last = l + 1 == layers_.size();
      const Layer& made = layers_[l];
      kernels::Conv2dLayer<T> layer = made.shape;
      layer.columns = columns;
      // One that reaches beyond the row's width meets zeros alone, as it does from nearer.
      layer.dilation = std::min(made.shape.dilation, columns);
      layer.x = in.at(mine);
      layer.x_stride = made.shape.inputs;
      layer.h = l == 0 ? nullptr : h.at(mine);
      layer.h_next = h.at(mine);
      if (!last) {
        in = tape.rows<T>(columns * channels_, mine, back, l % 2 == 0 ? "x0" : "x1", unit);
        layer.x_next = in.at(mine);
      }
      const kernels::Conv2dWeights<T> weights = {made.w.data(), made.bias.data(), last_.data(),
                                                 last_bias_.data()};
      tape.add([=](kernels::Stream stream) {
        return kernels::conv2d_cuda(layer, weights, last ? &affine : nullptr, spans, series, rows,
                                    stream);
      });
    }
  }

 private:
  struct Layer {
    kernels::Conv2dLayer<T> shape;
    Constant<T> w;
    Constant<float> bias;
  };

  // weight [out, in, time, bins] as the kernel has it, [time][bins][in][out]
  Layer take(net::Weights& weights, const std::string& name, int inputs, int padded_inputs,
             int dilation) const {
    const int kernel = net_.kernel;
    const std::vector<float> w =
        weights.take(name + ".weight", {net_.channels, inputs, kernel, kernel});
    std::vector<float> bias = weights.take(name + ".bias", {net_.channels});
    bias.resize(static_cast<size_t>(channels_));
    Layer layer{
        {0, padded_inputs, channels_, kernel, dilation, nullptr, 0, nullptr, nullptr, nullptr},
        {},
        Constant(bias)};
    std::vector<float> ordered(static_cast<size_t>(kernel * kernel * padded_inputs * channels_));
    for (int o = 0; o < net_.channels; ++o)
      for (int i = 0; i < inputs; ++i)
        for (int tap = 0; tap < kernel * kernel; ++tap)
          ordered[static_cast<size_t>((tap * padded_inputs + i) * channels_ + o)] =
              w[static_cast<size_t>((o * inputs + i) * kernel * kernel + tap)];
    std::vector<T> packed(kernels::conv2d_packed_size(layer.shape));
    kernels::pack_conv2d(layer.shape, ordered.data(), packed.data());
    layer.w = Constant(packed);
    return layer;
  }

  net::Conv2d net_;
  bool by_frames_;
  int keep_;
  float limit_;
  int bins_, channels_, seen_;  // the last two padded
  std::string where_;
  std::vector<Layer> layers_;
  Constant<float> last_, last_bias_;
};

}  // namespace

StagePtr make_grid(const flow::GridCoupling& step, const net::Conv2d& net, int bins,
                   const std::string& where, net::Weights net_weights, Precision precision) {
  return in_precision(precision, [&]<class T>() -> StagePtr {
    return std::make_unique<GridStage<T>>(step, net, bins, where, std::move(net_weights));
  });
}

}  // namespace fluvox::cuda
