#include "train/mel_loss.h"

#include <algorithm>
#include <numeric>

#include "mel/filterbank.h"

namespace fluvox::train {

using torch::Tensor;

constexpr double kToneMargin = 0.25, kPulseMargin = 0.05;

MelLoss::MelLoss(const mel::Convention& convention) : convention_(convention) {
  const mel::Filterbank filters(convention);
  const int bins = convention.fft / 2 + 1;
  filters_ = torch::empty({filters.bands(), bins});
  for (int band = 0; band < filters.bands(); ++band)
    for (int bin = 0; bin < bins; ++bin)
      filters_[band][bin] = static_cast<float>(filters.weight(band, bin));
  window_ = torch::hann_window(convention.window, convention.window_kind == "hann");
}

namespace {

// |STFT|^2 [B, bins, frames] of the frames whose windows lie inside
Tensor power_of(const Tensor& x, int64_t fft, int64_t hop, const Tensor& window) {
  const Tensor bins =
      torch::stft(x, fft, hop, window.size(0), window, false, "reflect", false, true, true);
  return torch::real(bins).square() + torch::imag(bins).square();
}

}  // namespace

Tensor MelLoss::log_mel(const Tensor& x) const {
  const mel::Convention& c = convention_;
  Tensor power = power_of(x, c.fft, c.hop, window_.to(x.options())) + c.power_epsilon;
  // The root has no slope at zero.
  power = power.clamp_min(std::max(c.power_floor, 1e-14));
  const Tensor summed =
      torch::matmul(filters_.to(x.options()), c.quantity == "magnitude" ? power.sqrt() : power);
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

Tensor MelLoss::pulses(const Tensor& x) const {
  // A hop that eight do not divide has fewer places.
  const int64_t hop = convention_.hop, places = std::gcd(hop, int64_t{8}), place = hop / places;
  const Tensor window = torch::hann_window(2 * place, x.options().requires_grad(false));
  const Tensor all = power_of(x, 2 * place, place, window) + 1e-10;
  const int64_t hops = all.size(2) / places, parts = std::min<int64_t>(place, 8);
  const Tensor power = all.narrow(1, 1, place / parts * parts)
                           .narrow(2, 0, hops * places)
                           .reshape({x.size(0), parts, -1, hops, places})
                           .mean(2);
  return (power / power.mean(3, true)).mean(at::IntArrayRef({0, 2})).log();
}

Tensor MelLoss::operator()(const Tensor& x, const Tensor& y) const {
  const Tensor a = log_mel(x), b = log_mel(y);
  const Tensor louder = (torch::logsumexp(2 * a, {1, 2}) - torch::logsumexp(2 * b, {1, 2})) / 2;
  const Tensor buzz = torch::relu(tones(x) - tones(y) - kToneMargin);
  const Tensor pulse = torch::relu((pulses(x) - pulses(y)).abs() - kPulseMargin);
  return (a - b).abs().mean() + louder.abs().mean() + buzz.mean() / 2 + pulse.mean();
}

}  // namespace fluvox::train
