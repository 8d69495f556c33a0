// Whitening and the lapped transform.
#include "cuda/stage.h"
#include "flow/lapped.h"
#include "kernels/grid_rows.h"
#include "kernels/mma_product.h"

namespace fluvox::cuda {
namespace {

class WhitenStage : public Stage {
 public:
  WhitenStage(int bins, net::Weights& weights) : bins_(bins), bias_(weights.take("bias", {bins})) {}

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int) const override {
    const int64_t delay = z.delay;
    tape.over(delay, [=, this, log_scale = tape.log_scale.at(delay)](auto... rows) {
      return kernels::whitened_rows_cuda(z.at(delay), log_scale, bias_.data(), x.at(delay), bins_,
                                         rows...);
    });
  }

 private:
  int bins_;
  Constant<float> bias_;
};

class LappedStage : public Stage {
 public:
  explicit LappedStage(int hop)
      : hop_(hop), sine_(flow::lapped_sines(hop)), cosine_(flow::lapped_cosines(hop)) {
    const std::vector<double> exact = flow::dct4_matrix(hop);
    std::vector<float> packed(kernels::mma_packed_size<float>(hop, hop));
    kernels::pack_mma<float>(
        hop, hop,
        [&](int n, int k) { return static_cast<float>(exact[static_cast<size_t>(n * hop + k)]); },
        packed.data());
    dct_ = Constant(packed);
  }

  int64_t lag() const override { return 1; }
  int64_t past() const override { return 0; }

  void lay(Tape& tape, const Rows<float>& z, const Rows<float>& x, int) const override {
    const int64_t entered = z.delay, left = x.delay;
    tape.over(entered, [=, hop = hop_](auto... rows) {
      return kernels::signed_rows_cuda(z.at(entered), hop, rows...);
    });
    const Rows<float> blocks = tape.rows<float>(hop_, entered, 2, "blocks");
    kernels::MmaProduct<float> product{};
    product.outputs = hop_;
    product.segments.add(z.at(entered), z.width, hop_);
    product.y = blocks.at(entered);
    product.y_stride = hop_;
    tape.over(entered, [=, w = dct_.data()](auto... rows) {
      return kernels::mma_product_cuda(product, w, rows...);
    });
    tape.over(left, [=, this](auto... rows) {
      return kernels::unlapped_rows_cuda(blocks.at(left), hop_, sine_.data(), cosine_.data(),
                                         x.at(left), rows...);
    });
  }

 private:
  int hop_;
  Constant<double> sine_, cosine_;
  Constant<float> dct_;
};

}  // namespace

StagePtr make_whiten(int bins, net::Weights weights) {
  return std::make_unique<WhitenStage>(bins, weights);
}

StagePtr make_lapped(int hop, const std::string& where) {
  if (hop % 4 != 0) refuse_part(where, text("a lapped transform of ", hop, " samples"));
  return std::make_unique<LappedStage>(hop);
}

}  // namespace fluvox::cuda
