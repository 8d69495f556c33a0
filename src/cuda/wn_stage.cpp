// An affine coupling around a WN: one launch a layer (kernels/wn_layer.h).
#include <algorithm>

#include "cuda/linear.h"
#include "flow/halves.h"
#include "kernels/mma_product.h"
#include "kernels/wn_layer.h"
#include "net/wn_folded.h"

namespace fluvox::cuda {
namespace {

constexpr int kChannelsMultiple = 16;

// Rows of matrices of float, one after the other, each filled up with zeros to whole rows of x and
// to `outputs` columns.
class Stack {
 public:
  explicit Stack(int outputs) : outputs_(outputs) {}
  // place(o): the column of output o
  template <class Column>
  void add(const net::Matrix& matrix, int padded_inputs, Column place) {
    const size_t before = values_.size();
    values_.resize(before + static_cast<size_t>(padded_inputs) * static_cast<size_t>(outputs_));
    for (int i = 0; i < matrix.inputs; ++i)
      for (int o = 0; o < matrix.outputs; ++o)
        values_[before + static_cast<size_t>(i * outputs_ + place(o))] =
            static_cast<float>(matrix.at(i, o));
  }
  const std::vector<float>& values() const { return values_; }

 private:
  int outputs_;
  std::vector<float> values_;
};

template <class T>
class WnStage : public Stage {
 public:
  WnStage(const flow::Coupling& step, const net::Wn& wn, const std::string& where,
          net::Weights weights)
      : step_(step),
        wn_(wn),
        halves_(flow::halves_of(step.keep, step.channels, where)),
        channels_(padded(wn.channels, kChannelsMultiple)),
        seen_(padded(wn.inputs + 1, kRowNumbers)),
        folded_(step.channels) {
    const net::FoldedWnEnds ends = net::fold_wn(
        wn, weights, [&](const net::FoldedWnLayer& layer) { layers_.push_back(packed(layer)); });
    std::vector<float> out_bias = ends.out_bias;
    out_bias.resize(static_cast<size_t>(out_width()));
    out_bias_ = Constant(out_bias);
    if (wn.layers == 1) return;
    Stack start(channels_);
    const auto same = [](int o) { return o; };
    start.add(ends.start, seen_, same);
    std::vector<T> matrix(kernels::mma_packed_size<T>(seen_, channels_));
    kernels::pack_mma<T>(
        seen_, channels_,
        [&](int i, int o) { return start.values()[static_cast<size_t>(i * channels_ + o)]; },
        matrix.data());
    start_ = Constant(matrix);
    std::vector<float> bias = ends.start_bias;
    bias.resize(static_cast<size_t>(channels_));
    start_bias_ = Constant(bias);
  }

  int64_t lag() const override {
    int64_t sum = 0;
    for (int l = 0; l < wn_.layers; ++l) sum += reach(l);
    return sum;
  }
  bool take(const Linear& linear) override {
    folded_.take(linear);
    return true;
  }
  void seal() override { folded_.seal(); }

  // The arrays are those of the formula in net/wn_folded.h; h is kept in place, layer by layer.
  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int column) const override {
    const int series = tape.series();
    const int64_t rows = tape.rows_at_most(), entered = z.delay, left = x.delay;
    const auto look_back = [&](int l) { return tape.lag(2 * reach(l)); };
    const Rows<T> features =
        wn_.condition > 0 ? condition_of(tape, padded(wn_.condition, kRowNumbers)) : Rows<T>();

    Rows<T> in = tape.rows<T>(seen_, entered, look_back(0), "kept");
    tape.add([=, spans = tape.spans(entered), this](kernels::Stream stream) {
      return kernels::gathered_rows_cuda<T>({z.at(entered), z.width, halves_.kept, halves_.stride,
                                             halves_.count, true, in.at(entered), in.width},
                                            spans, series, rows, stream);
    });

    int64_t delay = entered + tape.lag(reach(0));  // of the layer at work
    const Rows<float> out = tape.rows<float>(out_width(), delay, left - delay, "out");
    tape.add([=, spans = tape.spans(delay), this](kernels::Stream stream) {
      return kernels::filled_rows_cuda(out.at(delay), out.width, out.width, out_bias_.data(), spans,
                                       series, rows, stream);
    });
    Rows<float> h;
    if (wn_.layers > 1) {
      h = tape.rows<float>(channels_, delay, left - delay, "h");
      kernels::MmaProduct<T> start{};
      start.outputs = channels_;
      start.segments.add(in.at(delay), in.width, seen_);
      start.bias = start_bias_.data();
      start.y = h.at(delay);
      start.y_stride = h.width;
      tape.add([=, spans = tape.spans(delay), w = start_.data()](kernels::Stream stream) {
        return kernels::mma_product_cuda(start, w, spans, series, rows, stream);
      });
    }
    for (int l = 0; l < wn_.layers; ++l) {
      if (l > 0) delay += tape.lag(reach(l));
      kernels::WnLayer<T> layer = shape_of(l);
      for (int tap = 0; tap < wn_.kernel; ++tap)
        layer.segments.at[tap] = {in.at(delay), in.width, in.width,
                                  (tap - wn_.kernel / 2) * (std::ptrdiff_t{1} << l)};
      if (wn_.condition > 0)
        layer.segments.at[wn_.kernel] = {features.at(delay), features.width, features.width};
      layer.out = out.at(delay);
      layer.out_stride = out.width;
      Rows<T> next;
      if (l + 1 < wn_.layers) {
        next = tape.rows<T>(channels_, delay, look_back(l + 1), l % 2 == 0 ? "x0" : "x1");
        layer.h = layer.h_next = h.at(delay);
        layer.h_stride = layer.h_next_stride = h.width;
        layer.x_next = next.at(delay);
        layer.x_next_stride = next.width;
      }
      tape.add([=, spans = tape.spans(delay),
                packed = layers_[static_cast<size_t>(l)].data()](kernels::Stream stream) {
        return kernels::wn_layer_cuda(layer, kernels::wn_packed_at(layer, packed), spans, series,
                                      rows, stream);
      });
      in = next;
    }

    kernels::CoupledRows coupled = folded_.rows(z, x, column);
    coupled.changed = halves_.changed;
    coupled.step = halves_.stride;
    coupled.count = halves_.count;
    coupled.out_stride = out.width;
    const float* raw = out.at(left) + (step_.shift ? halves_.count : 0);
    if (step_.shift) coupled.b = out.at(left);
    if (step_.scale != "none") coupled.raw = raw;
    if (step_.scale == "sigmoid") coupled.bound = kernels::ScaleBound::sigmoid;
    if (step_.limit > 0) {
      coupled.bound = kernels::ScaleBound::tanh;
      coupled.limit = static_cast<float>(step_.limit);
    }
    tape.add([=, spans = tape.spans(left)](kernels::Stream stream) {
      return kernels::coupled_rows_cuda(coupled, spans, series, rows, stream);
    });
  }

 private:
  int64_t reach(int l) const { return (int64_t{1} << l) * (wn_.kernel / 2); }
  int out_width() const { return padded(wn_.outputs, 2); }

  // All couplings read the same features: rounded once for them.
  static Rows<T> condition_of(Tape& tape, int width) {
    const auto [rounded, fresh] = tape.rounded_features<T>(width);
    if (fresh) {
      const Rows<float> from = tape.features;
      tape.add([from, to = rounded.at(0), width, spans = tape.spans(0), series = tape.series(),
                rows = tape.rows_at_most()](kernels::Stream stream) {
        return kernels::gathered_rows_cuda<T>(
            {from.at(0), from.width, 0, 1, from.width, false, to, width}, spans, series, rows,
            stream);
      });
    }
    return rounded;
  }

  kernels::WnLayer<T> shape_of(int l) const {
    kernels::WnLayer<T> layer{};
    layer.channels = channels_;
    layer.residual = l + 1 < wn_.layers ? channels_ : 0;
    layer.outputs = wn_.outputs;
    for (int tap = 0; tap < wn_.kernel; ++tap)
      layer.segments.add(nullptr, 0, l == 0 ? seen_ : channels_);
    if (wn_.condition > 0) layer.segments.add(nullptr, 0, padded(wn_.condition, kRowNumbers));
    return layer;
  }

  Constant<std::byte> packed(const net::FoldedWnLayer& layer) const {
    const kernels::WnLayer<T> shape = shape_of(static_cast<int>(layers_.size()));
    const auto gate = [&](int o) { return o < wn_.channels ? o : channels_ + o - wn_.channels; };
    const int residual = shape.residual > 0 ? wn_.channels : 0;
    const auto behind = [&](int o) { return o < residual ? o : shape.residual + o - residual; };
    Stack in(2 * channels_), after(shape.residual + shape.outputs);
    for (const net::Matrix& tap : layer.taps) in.add(tap, shape.segments.at[0].inputs, gate);
    if (layer.condition) in.add(*layer.condition, padded(wn_.condition, kRowNumbers), gate);
    after.add(layer.after, channels_, behind);
    std::vector<float> in_bias(static_cast<size_t>(2 * channels_));
    std::vector<float> after_bias(static_cast<size_t>(shape.residual + shape.outputs));
    for (size_t o = 0; o < layer.bias.size(); ++o)
      in_bias[static_cast<size_t>(gate(static_cast<int>(o)))] = layer.bias[o];
    for (size_t o = 0; o < layer.after_bias.size(); ++o)
      after_bias[static_cast<size_t>(behind(static_cast<int>(o)))] = layer.after_bias[o];
    std::vector<std::byte> bytes(kernels::wn_packed_bytes(shape));
    kernels::pack_wn(shape,
                     {in.values().data(), in_bias.data(), after.values().data(), after_bias.data()},
                     bytes.data());
    return Constant(bytes);
  }

  flow::Coupling step_;
  net::Wn wn_;
  flow::Halves halves_;
  int channels_, seen_;  // padded
  FoldedLinear folded_;
  std::vector<Constant<std::byte>> layers_;
  Constant<float> out_bias_, start_bias_;
  Constant<T> start_;
};

}  // namespace

StagePtr make_wn(const flow::Coupling& step, const net::Wn& wn, const std::string& where,
                 net::Weights net_weights, Precision precision) {
  if (step.condition == "half") refuse_part(where, "a coupling with condition 'half'");
  if (wn.kernel + 1 > kernels::kMaxSegments)
    refuse_part(where + ".net", text("a wn with ", wn.kernel, " taps"));
  if (precision == Precision::bf16)
    return std::make_unique<WnStage<kernels::Bf16>>(step, wn, where, std::move(net_weights));
  if (precision == Precision::fp16)
    return std::make_unique<WnStage<kernels::Half>>(step, wn, where, std::move(net_weights));
  return std::make_unique<WnStage<float>>(step, wn, where, std::move(net_weights));
}

}  // namespace fluvox::cuda
