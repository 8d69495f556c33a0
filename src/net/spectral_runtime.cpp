#include <numbers>

#include "core/threads.h"
#include "net/anywhere.h"
#include "net/net_runtime.h"
#include "net/packed.h"
#include "net/spectral.h"

namespace fluvox::net {
namespace {

constexpr int kPiece = 32;  // frames
constexpr int kMargin = 3;  // frames of mel beyond those of the condition: 1 before, 2 after

void gelu(std::vector<float>& x) {
  constexpr float kRootHalf = std::numbers::sqrt2_v<float> / 2;
  for (float& v : x) v = 0.5f * v * (1 + erf_anywhere(v * kRootHalf));
}

// map_out's outputs are map-major; side by side are wanted the maps of one bin.
PackedConv take_map_out(const Spectral& net, Weights& weights) {
  const int64_t outputs = int64_t{net.learned} * net.bins;
  const std::vector<float> weight = weights.take("map_out.weight", {outputs, net.width, 1});
  const std::vector<float> bias = weights.take("map_out.bias", {outputs});
  std::vector<float> by_bin, bias_by_bin;
  by_bin.reserve(weight.size());
  for (int64_t k = 0; k < net.bins; ++k)
    for (int64_t map = 0; map < net.learned; ++map) {
      const int64_t from = map * net.bins + k;
      by_bin.insert(by_bin.end(), weight.begin() + from * net.width,
                    weight.begin() + (from + 1) * net.width);
      bias_by_bin.push_back(bias[static_cast<size_t>(from)]);
    }
  return PackedConv(by_bin, std::move(bias_by_bin), net.width, 1);
}

class SpectralRuntime : public RuntimeConditioner {
 public:
  SpectralRuntime(const Spectral& net, Weights& weights)
      : net_(net),
        to_bins_(bands_to_bins(net)),
        positions_(position_maps(net)),
        scale_in_(take_conv(weights, "scale_in", net.hidden, 2 * net.bands, {3})),
        scale_out_(take_conv(weights, "scale_out", net.bins, net.hidden, {1})),
        map_in_(take_conv(weights, "map_in", net.width, 2 * net.bands, {3})),
        map_mid_(take_conv(weights, "map_mid", net.width, net.width, {1})),
        map_out_(take_map_out(net, weights)) {}

  Margins margins() const override { return net::margins(net_); }

  ConditionShape shape() const override {
    return {net_.bands, net_.bins, net_.bins, maps(), net_.bins};
  }

  double multiply_adds() const override {
    double sum = 0;
    for (const PackedConv* conv : {&scale_in_, &scale_out_, &map_in_, &map_mid_, &map_out_})
      sum += conv->multiply_adds();
    return sum;
  }

  RuntimeCondition forward(const Grid& mel, Threads& threads) const override {
    Grid scaled = mel;
    for (float& v : scaled.values) v = static_cast<float>((v + kMelShift) / kMelScale);
    const int frames = mel.rows - kMargin;
    RuntimeCondition condition{Grid(frames, net_.bins * maps()), Grid(frames, net_.bins)};
    in_pieces(threads, frames, kPiece, [&](int first, int last) {
      const std::vector<float> envelope = envelopes(mel, first, last);
      log_scales(scaled, envelope, first, last, condition.log_scale);
      features(scaled, envelope, first, last, condition.features);
    });
    return condition;
  }

 private:
  int maps() const { return net_.learned + 1 + kPositionMaps; }

  // How loud the mel says that each bin is, [last - first][bins]. Frame t lies between mel frames t
  // and t + 1, which are rows t + 1 and t + 2 here.
  std::vector<float> envelopes(const Grid& mel, int first, int last) const {
    std::vector<float> result;
    std::vector<double> level(static_cast<size_t>(net_.bands));
    for (int t = first; t < last; ++t) {
      for (size_t b = 0; b < level.size(); ++b)
        level[b] = 0.5 * (double{mel.row(t + 1)[b]} + mel.row(t + 2)[b]) - net_.band_log_sums[b];
      for (size_t k = 0; k < to_bins_.share.size(); ++k) {
        const auto low = static_cast<size_t>(to_bins_.lower[k]);
        const double share = to_bins_.share[k];
        result.push_back(static_cast<float>((1 - share) * level[low] + share * level[low + 1] -
                                            envelope_offset()));
      }
    }
    return result;
  }

  // gelu(conv3(pairs)). Neighbouring frames lie side by side in memory, so a pair is a row twice as
  // long.
  std::vector<float> over_pairs(const PackedConv& conv, const Grid& scaled, int first,
                                int last) const {
    std::vector<Term> segments;
    segments.reserve(3);
    for (int tap = 0; tap < 3; ++tap)
      segments.push_back(
          conv.taps[static_cast<size_t>(tap)].times(scaled.row(first + tap), net_.bands));
    std::vector<float> y(static_cast<size_t>(last - first) * conv.outputs());
    multiply(last - first, conv.bias, segments, y.data(), conv.outputs());
    gelu(y);
    return y;
  }

  static std::vector<float> pointwise(const PackedConv& conv, const std::vector<float>& x,
                                      int inputs, int rows) {
    std::vector<float> y(static_cast<size_t>(rows) * conv.outputs());
    multiply(rows, conv.bias, {conv.taps[0].times(x.data(), inputs)}, y.data(), conv.outputs());
    return y;
  }

  void log_scales(const Grid& scaled, const std::vector<float>& envelope, int first, int last,
                  Grid& result) const {
    const std::vector<float> o = pointwise(scale_out_, over_pairs(scale_in_, scaled, first, last),
                                           net_.hidden, last - first);
    float* to = result.row(first);
    for (size_t i = 0; i < o.size(); ++i) to[i] = envelope[i] + 2 * tanh_anywhere(o[i] / 2);
  }

  void features(const Grid& scaled, const std::vector<float>& envelope, int first, int last,
                Grid& result) const {
    const int rows = last - first;
    std::vector<float> hidden =
        pointwise(map_mid_, over_pairs(map_in_, scaled, first, last), net_.width, rows);
    gelu(hidden);
    const std::vector<float> learned = pointwise(map_out_, hidden, net_.width, rows);
    const auto bins = static_cast<size_t>(net_.bins);
    const float* map = learned.data();
    float* to = result.row(first);
    for (size_t i = 0; i < envelope.size(); ++i) {  // [frame][bin]
      to = std::copy(map, map + net_.learned, to);
      map += net_.learned;
      *to++ = static_cast<float>((envelope[i] + kMelShift) / kMelScale);
      for (size_t p = 0; p < kPositionMaps; ++p)
        *to++ = static_cast<float>(positions_[p * bins + i % bins]);
    }
  }

  Spectral net_;
  Interpolation to_bins_;
  std::vector<double> positions_;
  PackedConv scale_in_, scale_out_, map_in_, map_mid_, map_out_;
};

}  // namespace

RuntimeConditionerPtr make_runtime(const Spectral& net, Weights& weights) {
  return std::make_unique<SpectralRuntime>(net, weights);
}

}  // namespace fluvox::net
