#include <algorithm>

#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/upsample2d.h"
#include "net/weights.h"

namespace fluvox::net {
namespace {

constexpr int kPiece = 64;  // rows

struct Layer {
  Layer(Weights& weights, const std::string& name, int stride_)
      : stride(stride_),
        weight(weights.take(name + ".weight", {1, 1, 3, 2 * stride_})),
        bias(weights.take(name + ".bias", {1})[0]) {}

  // y[n] for n = first .. first + rows of y; row j of x is its row number j - before.
  Grid forward(const Grid& x, int before, int first, int rows, Threads& threads) const {
    Grid y(rows, x.columns);
    in_pieces(threads, rows, kPiece, [&](int from, int to) {
      for (int n = from; n < to; ++n) row(x, before, first + n, y.row(n));
    });
    return y;
  }

 private:
  // Tap k of row j reaches n where stride j + k - stride / 2 = n: two rows, two taps.
  void row(const Grid& x, int before, int n, float* y) const {
    const int place = n + stride / 2 + stride;  // never negative: n >= -1
    const int newest = place / stride - 1, tap = place % stride;
    std::fill(y, y + x.columns, bias);
    for (int age = 0; age < 2; ++age) {
      const float* from = x.row(newest - age + before);
      for (int i = 0; i < 3; ++i) {
        const float w = weight[static_cast<size_t>(i * 2 * stride + tap + age * stride)];
        const int shift = 1 - i;  // the band that this tap reads is b + shift
        for (int b = std::max(0, -shift); b < std::min(x.columns, x.columns - shift); ++b)
          y[b] += w * from[b + shift];
      }
    }
    for (int b = 0; b < x.columns; ++b) y[b] = y[b] < 0 ? static_cast<float>(kLeak) * y[b] : y[b];
  }

  int stride;
  std::vector<float> weight;
  float bias;
};

class Upsample2dRuntime : public RuntimeConditioner {
 public:
  Upsample2dRuntime(const Upsample2d& net, Weights& weights)
      : net_(net),
        first_(weights, "layers.0", net.strides[0]),
        second_(weights, "layers.1", net.strides[1]) {}

  Margins margins() const override { return kUpsample2dMargins; }

  ConditionShape shape() const override {
    return {net_.bands, net_.hop(), net_.group, net_.bands * net_.group, 0};
  }

  RuntimeCondition forward(const Grid& mel, Threads& threads) const override {
    const int frames = mel.rows - 2;
    const Grid middle = first_.forward(mel, 1, -1, frames * net_.strides[0] + 2, threads);
    const Grid up = second_.forward(middle, 1, 0, frames * net_.hop(), threads);
    RuntimeCondition condition{Grid(up.rows / net_.group, net_.bands * net_.group), {}};
    in_pieces(threads, condition.features.rows, kPiece, [&](int first, int last) {
      for (int t = first; t < last; ++t)
        for (int j = 0; j < net_.group; ++j) {
          const float* from = up.row(t * net_.group + j);
          float* to = condition.features.row(t) + j;
          for (int b = 0; b < net_.bands; ++b) to[b * net_.group] = from[b];
        }
    });
    return condition;
  }

 private:
  Upsample2d net_;
  Layer first_, second_;
};

}  // namespace

RuntimeConditionerPtr make_runtime(const Upsample2d& net, Weights& weights) {
  check(net);
  return std::make_unique<Upsample2dRuntime>(net, weights);
}

}  // namespace fluvox::net
