#include "train/mel_loss.h"

#include <algorithm>

#include "mel/filterbank.h"

namespace fluvox::train {

using torch::Tensor;

constexpr double kToneMargin = 0.25;

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

Tensor MelLoss::tones(const Tensor& x) const {
  const int64_t hop = convention_.hop, away = x.size(1) / hop / 2 * 2, count = away * hop;
  const Tensor window = torch::hann_window(count, x.options().requires_grad(false));
  const Tensor power = torch::fft::rfft(x.narrow(1, 0, count) * window).abs().square() + 1e-10;
  // A row for each line: the bins nearer to it than to another, itself in the middle.
  const int64_t lines = hop / 2 - 1, together = std::max<int64_t>(lines / 8, 1);
  const Tensor rows = power.narrow(1, away / 2, lines / together * together * away)
                          .view({x.size(0), -1, together, away});
  const int64_t beside = away / 2 - away / 16;
  const Tensor around =
      torch::cat({rows.narrow(3, 0, beside), rows.narrow(3, away - beside + 1, beside - 1)}, 3);
  return (rows.select(3, away / 2).log() - around.mean(3).log()).mean(at::IntArrayRef({0, 2}));
}

Tensor MelLoss::operator()(const Tensor& x, const Tensor& y) const {
  const Tensor a = log_mel(x), b = log_mel(y);
  const Tensor louder = (torch::logsumexp(2 * a, {1, 2}) - torch::logsumexp(2 * b, {1, 2})) / 2;
  const Tensor buzz = torch::relu(tones(x) - tones(y) - kToneMargin);
  return (a - b).abs().mean() + louder.abs().mean() + buzz.mean() / 2;
}

}  // namespace fluvox::train
