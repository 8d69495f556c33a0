#include "train/mel_loss.h"

#include <algorithm>

#include "mel/filterbank.h"

namespace fluvox::train {

using torch::Tensor;

constexpr double kBeyond = 100;  // few samples of many lie beyond full scale

MelLoss::MelLoss(const mel::Convention& convention) : convention_(convention) {
  const mel::Filterbank filters(convention);
  const int bins = convention.fft / 2 + 1;
  filters_ = torch::empty({filters.bands(), bins});
  for (int band = 0; band < filters.bands(); ++band)
    for (int bin = 0; bin < bins; ++bin)
      filters_[band][bin] = static_cast<float>(filters.weight(band, bin));
  window_ = torch::hann_window(convention.window, convention.window_kind == "hann");
}

Tensor MelLoss::log_mel(const Tensor& x) const {
  const mel::Convention& c = convention_;
  const Tensor bins = torch::stft(x, c.fft, c.hop, c.window, window_.to(x.dtype()), false,
                                  "reflect", false, true, true);
  Tensor power = torch::real(bins).square() + torch::imag(bins).square() + c.power_epsilon;
  // The root has no slope at zero.
  power = power.clamp_min(std::max(c.power_floor, 1e-14));
  const Tensor summed =
      torch::matmul(filters_.to(x.dtype()), c.quantity == "magnitude" ? power.sqrt() : power);
  return torch::log(summed.clamp_min(c.floor));
}

Tensor MelLoss::operator()(const Tensor& x, const Tensor& y) const {
  const Tensor a = log_mel(x), b = log_mel(y);
  const Tensor louder = (torch::logsumexp(2 * a, {1, 2}) - torch::logsumexp(2 * b, {1, 2})) / 2;
  const Tensor beyond = torch::relu(x.abs() - y.abs().max().clamp_min(1.0));
  return (a - b).abs().mean() + louder.abs().mean() + kBeyond * beyond.mean();
}

}  // namespace fluvox::train
