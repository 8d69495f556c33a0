#include "flow/lapped.h"
#include "flow/step_torch.h"

namespace fluvox::flow {
namespace {

class LappedTorch : public TorchStep {
 public:
  explicit LappedTorch(const Lapped& step) : hop_(step.hop) {
    if (hop_ % 2 != 0) config::refuse("lapped", text("expected an even hop, found ", hop_));
    dct_ = torch::tensor(dct4_matrix(step.hop), torch::kFloat64).reshape({hop_, hop_});
    sine_ = torch::tensor(lapped_sines(step.hop), torch::kFloat64);
    cosine_ = torch::tensor(lapped_cosines(step.hop), torch::kFloat64);
  }

  int64_t rows_joined() const override { return hop_; }

  Result forward(const Tensor& x, const Condition&) override {
    expect_channels(x, 1);
    if (x.size(2) % hop_ != 0)
      throw Error(Fault::input, "shape-mismatch",
                  text(place, ": lapped: expected a length that is a multiple of ", hop_,
                       ", found ", x.size(2)));
    const Tensor blocks = x.reshape({x.size(0), -1, hop_});
    const Tensor bins = torch::matmul(butterflies(blocks, 1), dct_.to(x.options())) * signs(blocks);
    return {bins.transpose(1, 2), torch::zeros({x.size(0)}, x.options())};
  }

  Tensor inverse(const Tensor& z, const Condition&) override {
    expect_channels(z, hop_);
    const Tensor bins = z.transpose(1, 2);
    const Tensor blocks = butterflies(torch::matmul(bins * signs(bins), dct_.to(z.options())), -1);
    return blocks.reshape({z.size(0), 1, -1});
  }

 private:
  // Rotates the samples on both sides of every inner border by +-angle. blocks [B, F, hop]
  Tensor butterflies(const Tensor& blocks, double direction) const {
    const int64_t frames = blocks.size(1), half = hop_ / 2;
    const Tensor first = blocks.narrow(2, 0, half);  // rising from a border
    const Tensor second =
        blocks.narrow(2, half, half).flip(2);  // falling away from the next border
    const Tensor right = first.narrow(1, 1, frames - 1), left = second.narrow(1, 0, frames - 1);
    const Tensor sine = sine_.to(blocks.options()),
                 cosine = direction * cosine_.to(blocks.options());
    const Tensor turned_right = sine * right + cosine * left;
    const Tensor turned_left = sine * left - cosine * right;
    return torch::cat({torch::cat({first.narrow(1, 0, 1), turned_right}, 1),
                       torch::cat({turned_left, second.narrow(1, frames - 1, 1)}, 1).flip(2)},
                      2);
  }

  // (-1)^(k f), [F, hop]
  Tensor signs(const Tensor& blocks) const {
    const Tensor parity = torch::arange(blocks.size(1), blocks.options()).unsqueeze(1) *
                          torch::arange(hop_, blocks.options());
    return 1 - 2 * torch::remainder(parity, 2);
  }

  int64_t hop_;
  Tensor dct_, sine_, cosine_;  // float64, rounded to the type of the data where they are used
};

}  // namespace

TorchStepPtr make_torch(const Lapped& step) { return std::make_shared<LappedTorch>(step); }

}  // namespace fluvox::flow
