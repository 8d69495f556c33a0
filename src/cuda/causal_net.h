// A causal_wn (net/causal_wn.h), causal or centred, for all rows at once: one launch a layer
// (kernels/wn_layer.h), whose outputs are the skips.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/gated.h"
#include "net/causal_wn.h"

namespace fluvox::cuda {

// The net's tensors, each layer as one of a folded WN.
struct CausalMatrices {
  CausalMatrices(const net::CausalWn& net, net::Weights& weights);

  net::Matrix front;  // its taps by time, each with its inputs
  std::vector<float> front_bias;
  std::vector<net::FoldedWnLayer> layers;
  net::ConvMatrices mid, end;
};

template <class T>
class CausalNet {
 public:
  CausalNet(const net::CausalWn& net, int fold, net::Weights weights)
      : net_(net),
        fold_(fold),
        channels_(padded(net.channels, kChannelsMultiple)),
        window_(padded(net.front * net.inputs, kRowNumbers)) {
    CausalMatrices matrices(net, weights);
    front_.emplace(matrices.front, matrices.front_bias, window_, channels_);
    for (const net::FoldedWnLayer& layer : matrices.layers)
      layers_.emplace_back(layer, net.channels, channels_, net.channels, fold);
    mid_.emplace(matrices.mid.taps[0], matrices.mid.bias, channels_, channels_);
    end_.emplace(matrices.end.taps[0], matrices.end.bias, channels_, padded(net.outputs, 2));
    nothing_ = Constant(std::vector<float>(static_cast<size_t>(channels_)));
  }

  int64_t lag() const {
    int64_t sum = front_ahead();
    for (int l = 0; l < net_.layers; ++l) sum += ahead(l);
    return sum;
  }
  // Rows of its input that the front looks back at.
  int64_t past() const { return net_.causal ? net_.front : net_.front - 1; }

  // What it says, [b; raw], beside rows of x with the delay `left`. Number i of its input is
  // x[first + i step].
  Rows<float> lay(Tape& tape, const Rows<float>& x, int first, int step, const Rows<T>& features,
                  int64_t left) const {
    int64_t delay = x.delay + tape.lag(front_ahead());  // of what is made
    const Rows<T> seen = tape.rows<T>(window_, delay, 0, "kept");
    const kernels::WindowedRows<T> windowed = {
        x.at(delay) + first,    x.width,        step,      net_.inputs, net_.front,
        front_ahead() - past(), seen.at(delay), seen.width};
    tape.over(delay, [=](auto... rows) { return kernels::windowed_rows_cuda(windowed, rows...); });
    const Rows<float> h = tape.rows<float>(channels_, delay, left - delay, "h");
    Rows<T> in = tape.rows<T>(channels_, delay, look_back(0), "x1");
    kernels::MmaProduct<T> front = front_->of(seen, delay);
    front.relu = true;
    front.y = h.at(delay);
    front.y_stride = h.width;
    front.rounded = in.at(delay);
    front.rounded_stride = in.width;
    front_->add(tape, front, delay);

    delay += tape.lag(ahead(0));
    const Rows<float> skip = tape.rows<float>(channels_, delay, left - delay, "skip");
    fill(tape, skip, nothing_, delay);
    for (int l = 0; l < net_.layers; ++l) {
      if (l > 0) delay += tape.lag(ahead(l));
      const GatedLayer<T>& made = layers_[static_cast<size_t>(l)];
      kernels::WnLayer<T> layer = made.shape();
      const int64_t dilation = net::dilation(net_, l);
      for (int tap = 0; tap < net_.kernel; ++tap)
        layer.segments.at[tap] = {in.at(delay), in.width, in.width,
                                  tap * dilation - look_back(l) + ahead(l)};
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

    const Rows<T> sent = tape.rows<T>(channels_, left, 0, "sent");
    const Rows<T> middle = tape.rows<T>(channels_, left, 0, "middle");
    const Rows<float> out = tape.rows<float>(end_->outputs(), left, 0, "out");
    gather<T>(tape,
              {skip.at(left), skip.width, 0, 1, skip.width, false, sent.at(left), sent.width,
               sent.width, true},
              left);
    kernels::MmaProduct<T> mid = mid_->of(sent, left);
    mid.relu = true;
    mid.rounded = middle.at(left);
    mid.rounded_stride = middle.width;
    mid_->add(tape, mid, left);
    end_->into(tape, middle, out, left);
    return out;
  }

 private:
  int64_t look_back(int l) const { return (net_.kernel - 1) * net::dilation(net_, l); }
  int64_t ahead(int l) const { return net_.causal ? 0 : look_back(l) / 2; }
  int64_t front_ahead() const { return net_.causal ? 0 : (net_.front - 1) / 2; }

  net::CausalWn net_;
  int fold_;
  int channels_, window_;  // padded
  std::vector<GatedLayer<T>> layers_;
  std::optional<Product<T>> front_, mid_, end_;
  Constant<float> nothing_;
};

}  // namespace fluvox::cuda
