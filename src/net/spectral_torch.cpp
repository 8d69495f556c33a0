#include "net/net_torch.h"
#include "net/spectral.h"

namespace fluvox::net {
namespace {

class SpectralTorch : public TorchConditioner {
 public:
  explicit SpectralTorch(const Spectral& net) : net_(net) {
    using torch::nn::Conv1dOptions;
    scale_in_ = register_module("scale_in", Conv(Conv1dOptions(2 * net.bands, net.hidden, 3)));
    scale_out_ = register_module("scale_out", Conv(Conv1dOptions(net.hidden, net.bins, 1)));
    map_in_ = register_module("map_in", Conv(Conv1dOptions(2 * net.bands, net.width, 3)));
    map_mid_ = register_module("map_mid", Conv(Conv1dOptions(net.width, net.width, 1)));
    map_out_ =
        register_module("map_out", Conv(Conv1dOptions(net.width, net.learned * net.bins, 1)));
    torch::nn::init::zeros_(scale_out_->weight);
    torch::nn::init::zeros_(scale_out_->bias);

    // The constants: the envelope is linear in the mel, so it is one matrix and one offset.
    const Interpolation to_bins = bands_to_bins(net);
    std::vector<double> spread(static_cast<size_t>(net.bands) * net.bins, 0.0), offset;
    for (int k = 0; k < net.bins; ++k) {
      const size_t low = static_cast<size_t>(to_bins.lower[k]);
      const double share = to_bins.share[k];
      spread[low * net.bins + k] += 1 - share;
      spread[(low + 1) * net.bins + k] += share;
      offset.push_back(-(1 - share) * net.band_log_sums[low] - share * net.band_log_sums[low + 1] -
                       envelope_offset());
    }
    spread_ = constant(spread, {net.bands, net.bins});
    offset_ = constant(offset, {net.bins});
    positions_ = constant(position_maps(net), {1, kPositionMaps, 1, net.bins});
  }

  Margins margins() const override { return net::margins(net_); }

  Condition forward(const Tensor& mel) override {
    // mel [B, bands, 1 + F + 2]
    const int64_t batch = mel.size(0), frames = mel.size(2) - 3;
    const Tensor mean = (mel.narrow(2, 1, frames) + mel.narrow(2, 2, frames)).transpose(1, 2) *
                        0.5;  // [B, F, bands]
    const Tensor envelope =
        torch::matmul(mean, spread_.to(mel.options())) + offset_.to(mel.options());  // [B, F, bins]

    const Tensor scaled = (mel + kMelShift) / kMelScale;
    const Tensor pairs =
        torch::cat({scaled.narrow(2, 0, frames + 2), scaled.narrow(2, 1, frames + 2)}, 1);
    const Tensor o = scale_out_->forward(torch::gelu(scale_in_->forward(pairs))).transpose(1, 2);
    const Tensor maps = map_out_
                            ->forward(torch::gelu(map_mid_->forward(
                                torch::gelu(map_in_->forward(pairs)))))  // [B, learned * bins, F]
                            .reshape({batch, net_.learned, net_.bins, frames})
                            .transpose(2, 3);
    return {
        torch::cat({maps, ((envelope + kMelShift) / kMelScale).unsqueeze(1),
                    positions_.to(mel.options()).expand({batch, kPositionMaps, frames, net_.bins})},
                   1),
        envelope + 2 * torch::tanh(o / 2)};
  }

 private:
  using Conv = torch::nn::Conv1d;

  static Tensor constant(const std::vector<double>& values, at::IntArrayRef shape) {
    return torch::tensor(values, torch::kFloat64).reshape(shape);
  }

  Spectral net_;
  Conv scale_in_{nullptr}, scale_out_{nullptr}, map_in_{nullptr}, map_mid_{nullptr},
      map_out_{nullptr};
  Tensor spread_, offset_,
      positions_;  // float64, rounded to the type of the data where they are used
};

}  // namespace

TorchConditionerPtr make_torch(const Spectral& net) { return std::make_shared<SpectralTorch>(net); }

}  // namespace fluvox::net
