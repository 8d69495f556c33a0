#include "core/threads.h"
#include "net/net_runtime.h"
#include "net/packed.h"
#include "net/upsample.h"

namespace fluvox::net {
namespace {

// The groups of a frame differ only in the taps that reach them, so group p of every frame is one
// product: the last kernel / hop frames times a matrix of its own, [bands] -> [bands * group] for
// each of those frames.
class UpsampleRuntime : public RuntimeConditioner {
 public:
  UpsampleRuntime(const Upsample& net, Weights& weights)
      : net_(net),
        margins_(net::margins(net)),
        phases_(net.hop / net.group),
        outputs_(net.bands * net.group) {
    const std::vector<float> weight = weights.take("weight", {net.bands, net.bands, net.kernel});
    const std::vector<float> bias = weights.take("bias", {net.bands});
    for (const float b : bias) bias_.insert(bias_.end(), static_cast<size_t>(net.group), b);
    for (int phase = 0; phase < phases_; ++phase)
      for (int age = 0; age <= margins_.left; ++age) {
        // Element (i, band * group + j) is weight[i][band][hop age + group phase + j].
        std::vector<float> matrix;
        matrix.reserve(static_cast<size_t>(net.bands) * outputs_);
        for (int64_t i = 0; i < net.bands; ++i)
          for (int64_t band = 0; band < net.bands; ++band) {
            const auto tap = weight.begin() + (i * net.bands + band) * net.kernel + net.hop * age +
                             net.group * phase;
            matrix.insert(matrix.end(), tap, tap + net.group);
          }
        matrices_.emplace_back(matrix.data(), outputs_, 1, net.bands, outputs_);
      }
  }

  Margins margins() const override { return margins_; }

  ConditionShape shape() const override { return {net_.bands, net_.hop, net_.group, outputs_, 0}; }

  double multiply_adds() const override {
    double sum = 0;
    for (const PackedMatrix& matrix : matrices_) sum += matrix.multiply_adds();
    return sum;
  }

  RuntimeCondition forward(const Grid& mel, Threads& threads) const override {
    const int frames = mel.rows - margins_.left;
    RuntimeCondition condition{Grid(frames * phases_, outputs_), {}};
    const auto frame_size = static_cast<std::ptrdiff_t>(phases_) * outputs_;
    threads.run(phases_, [&](int phase) {
      std::vector<Term> segments;
      for (int age = 0; age <= margins_.left; ++age)
        segments.push_back(matrices_[static_cast<size_t>(phase * (margins_.left + 1) + age)].times(
            mel.row(margins_.left - age), net_.bands));
      multiply(frames, bias_, segments, condition.features.row(phase), frame_size);
    });
    return condition;
  }

 private:
  Upsample net_;
  Margins margins_;
  int phases_, outputs_;
  std::vector<float> bias_;
  std::vector<PackedMatrix> matrices_;  // [phase][age]
};

}  // namespace

RuntimeConditionerPtr make_runtime(const Upsample& net, Weights& weights) {
  return std::make_unique<UpsampleRuntime>(net, weights);
}

}  // namespace fluvox::net
