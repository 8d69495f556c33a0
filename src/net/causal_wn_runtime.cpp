#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "kernels/gate.h"
#include "net/causal_wn.h"
#include "net/net_runtime.h"
#include "net/packed.h"

namespace fluvox::net {
namespace {

constexpr int kPiece = 96;  // rows: what a layer makes of them on the way stays in the cache

void relu(float* values, size_t count) {
  for (size_t i = 0; i < count; ++i) values[i] = values[i] < 0 ? 0.0f : values[i];  // NaN stays NaN
}

struct Layer {
  PackedConv in, res_skip;  // in: the taps, then the condition
  int64_t dilation;
};

class CausalWnRuntime : public RuntimeNet {
 public:
  CausalWnRuntime(const CausalWn& net, Weights& weights)
      : net_(net),
        front_(take_front(net, weights)),
        mid_(take_conv(weights, "mid", net.channels, net.channels, {1})),
        end_(take_conv(weights, "end", net.outputs, net.channels, {1})) {
    std::vector<float> condition, condition_bias;
    if (net.condition > 0) {
      condition =
          weights.take("cond_layer.weight", {2 * net.channels * net.layers, net.condition, 1});
      condition_bias = weights.take("cond_layer.bias", {2 * net.channels * net.layers});
    }
    for (int l = 0; l < net.layers; ++l) {
      layers_.push_back(
          {take_conv(weights, text("in_layers.", l), 2 * net.channels, net.channels, {net.kernel}),
           take_conv(weights, text("res_skip_layers.", l),
                     l + 1 < net.layers ? 2 * net.channels : net.channels, net.channels, {1}),
           dilation(net, l)});
      if (net.condition == 0) continue;
      PackedConv& in = layers_.back().in;
      const size_t first = 2 * static_cast<size_t>(net.channels) * l;
      in.taps.emplace_back(condition.data() + first * net.condition, 1, net.condition,
                           net.condition, 2 * net.channels);
      for (size_t o = 0; o < in.bias.size(); ++o) in.bias[o] += condition_bias[first + o];
    }
  }

  NetShape shape() const override { return {net_.inputs, net_.condition, net_.outputs}; }
  Order order() const override { return Order::time; }
  std::unique_ptr<SerialNet> serial(int columns) const override;

  Grid forward(const Grid& kept, const Grid* features, Threads& threads) const override {
    const int rows = kept.rows, channels = net_.channels;
    Grid before(net_.front + rows, net_.inputs);
    std::copy(kept.values.begin(), kept.values.end(), before.row(net_.front));
    // A tap further back than the grid is long meets zeros alone: moved nearer it meets the same.
    int64_t deepest = 0;
    for (const Layer& layer : layers_)
      deepest = std::max(deepest, (net_.kernel - 1) * layer.dilation);
    const int pad = static_cast<int>(std::min(deepest, int64_t{rows}));
    Grid h(pad + rows, channels), next(pad + rows, channels), skip(rows, channels),
        out(rows, net_.outputs);

    in_pieces(threads, rows, kPiece, [&](int first, int last) {
      front(last - first, before.row(first), h.row(pad + first));
    });
    for (const Layer& layer : layers_) {
      in_pieces(threads, rows, kPiece, [&](int first, int last) {
        std::vector<const float*> taps;
        for (int tap = 0; tap < net_.kernel; ++tap) {
          const int64_t back = (net_.kernel - 1 - tap) * layer.dilation;
          taps.push_back(h.row(first + pad - static_cast<int>(std::min<int64_t>(back, pad))));
        }
        run(layer, last - first, taps, features ? features->row(first) : nullptr,
            h.row(pad + first), next.row(pad + first), skip.row(first));
      });
      std::swap(h, next);
    }
    in_pieces(threads, rows, kPiece,
              [&](int first, int last) { finish(last - first, skip.row(first), out.row(first)); });
    return out;
  }

 private:
  friend class CausalWnSerial;

  // The taps of the front lie side by side in the series, so they are one matrix [front inputs].
  static PackedConv take_front(const CausalWn& net, Weights& weights) {
    const std::vector<float> weight =
        weights.take("front.weight", {net.channels, net.inputs, net.front});
    std::vector<float> by_time;
    by_time.reserve(weight.size());
    for (int o = 0; o < net.channels; ++o)
      for (int tap = 0; tap < net.front; ++tap)
        for (int i = 0; i < net.inputs; ++i)
          by_time.push_back(weight[(static_cast<size_t>(o) * net.inputs + i) * net.front + tap]);
    return PackedConv(by_time, weights.take("front.bias", {net.channels}), net.front * net.inputs,
                      1);
  }

  // h of `rows` rows, from the inputs that begin `front` places before the first of them
  void front(int rows, const float* before, float* h) const {
    multiply(rows, front_.bias, {front_.taps[0].times(before, net_.inputs)}, h, net_.channels);
    relu(h, static_cast<size_t>(rows) * net_.channels);
  }

  // `rows` rows of one layer. taps: where the rows that each tap reads begin; h: this layer's own.
  // Adds to skip; what leaves goes to next.
  void run(const Layer& layer, int rows, const std::vector<const float*>& taps,
           const float* features, const float* h, float* next, float* skip) const {
    const int channels = net_.channels;
    std::vector<kernels::Segment> segments;
    for (size_t tap = 0; tap < taps.size(); ++tap)
      segments.push_back(layer.in.taps[tap].times(taps[tap], channels));
    if (net_.condition > 0)
      segments.push_back(layer.in.taps.back().times(features, net_.condition));
    Grid a(rows, 2 * channels), gate(rows, channels);
    multiply(rows, layer.in.bias, segments, a.row(0), a.columns);
    kernels::gate_cpu(rows, channels, a.row(0), a.columns, nullptr, 0, gate.row(0), channels);
    multiply(rows, layer.res_skip.bias, {layer.res_skip.taps[0].times(gate.row(0), channels)},
             a.row(0), a.columns);

    const bool last_layer = layer.res_skip.outputs() == channels;
    for (int t = 0; t < rows; ++t, h += channels, next += channels, skip += channels) {
      const float* r = a.row(t);
      if (!last_layer) {
        for (int c = 0; c < channels; ++c) next[c] = (h[c] + r[c]) * std::sqrt(0.5f);
        r += channels;
      }
      for (int c = 0; c < channels; ++c) skip[c] += r[c];
    }
  }

  // skip is used up
  void finish(int rows, float* skip, float* out) const {
    const size_t size = static_cast<size_t>(rows) * net_.channels;
    std::vector<float> mid(size);
    relu(skip, size);
    multiply(rows, mid_.bias, {mid_.taps[0].times(skip, net_.channels)}, mid.data(), net_.channels);
    relu(mid.data(), size);
    multiply(rows, end_.bias, {end_.taps[0].times(mid.data(), net_.channels)}, out, net_.outputs);
  }

  CausalWn net_;
  PackedConv front_, mid_, end_;
  std::vector<Layer> layers_;
};

// Every layer keeps the rows of its input that later samples look back at.
class CausalWnSerial : public SerialNet {
 public:
  explicit CausalWnSerial(const CausalWnRuntime& net)
      : net_(net),
        past_(static_cast<size_t>(net.net_.front) * net.net_.inputs),
        skip_(static_cast<size_t>(net.net_.channels)),
        taps_(static_cast<size_t>(net.net_.kernel)) {
    for (const Layer& layer : net.layers_)
      queues_.emplace_back(static_cast<int>((net.net_.kernel - 1) * layer.dilation + 1),
                           net.net_.channels);
    queues_.emplace_back(1, net.net_.channels);  // what leaves the last layer
  }

  void next(const float* before, const float* features, float* out, Threads&) override {
    const int inputs = net_.net_.inputs, kernel = net_.net_.kernel;
    std::copy(past_.begin() + inputs, past_.end(), past_.begin());
    std::copy(before, before + inputs, past_.end() - inputs);
    net_.front(1, past_.data(), row(queues_[0], 0));
    std::fill(skip_.begin(), skip_.end(), 0.0f);
    for (size_t l = 0; l < net_.layers_.size(); ++l) {
      const Layer& layer = net_.layers_[l];
      for (int tap = 0; tap < kernel; ++tap)
        taps_[static_cast<size_t>(tap)] = row(queues_[l], (kernel - 1 - tap) * layer.dilation);
      net_.run(layer, 1, taps_, features, row(queues_[l], 0), row(queues_[l + 1], 0), skip_.data());
    }
    net_.finish(1, skip_.data(), out);
    ++now_;
  }

 private:
  // The row `back` places before the present one; zeros before the first.
  float* row(Grid& queue, int64_t back) const {
    return queue.row(static_cast<int>((now_ + queue.rows - back) % queue.rows));
  }

  const CausalWnRuntime& net_;
  std::vector<float> past_, skip_;
  std::vector<const float*> taps_;
  std::vector<Grid> queues_;
  int64_t now_ = 0;
};

std::unique_ptr<SerialNet> CausalWnRuntime::serial(int) const {
  return std::make_unique<CausalWnSerial>(*this);
}

}  // namespace

RuntimeNetPtr make_runtime(const CausalWn& net, Weights& weights) {
  return std::make_unique<CausalWnRuntime>(net, weights);
}

}  // namespace fluvox::net
