#include "support/likelihood/speech_torch.h"

namespace fluvox::likelihood {

using Speech = oracles::SourceFilterSpeech;

SpeechDensity::SpeechDensity(const Speech& speech, int hop, const std::vector<oracles::Clip>& clips,
                             at::ScalarType type) {
  const auto items = static_cast<int64_t>(clips.size());
  const int64_t samples = int64_t{clips.front().frames} * hop;
  filter_ = torch::empty({Speech::kOrder, items, samples}, torch::kFloat64);
  push_ = torch::empty({items, samples}, torch::kFloat64);
  gain_ = torch::empty({items, samples}, torch::kFloat64);
  auto filter = filter_.accessor<double, 3>();
  auto push = push_.accessor<double, 2>(), gain = gain_.accessor<double, 2>();
  for (int64_t i = 0; i < items; ++i) {
    const oracles::Clip& clip = clips[static_cast<size_t>(i)];
    for (int t = 0; t < samples; ++t) {
      const std::vector<double> a = Speech::filter(clip, t / hop);
      for (int k = 0; k < Speech::kOrder; ++k) filter[k][i][t] = a[static_cast<size_t>(k)];
      gain[i][t] = Speech::gain(clip, t / hop);
      push[i][t] = gain[i][t] * speech.pulse(clip, t);
    }
  }
  for (torch::Tensor* tensor : {&filter_, &push_, &gain_}) *tensor = tensor->to(type);
}

torch::Tensor SpeechDensity::log_prob(const torch::Tensor& x) const {
  torch::Tensor mean = push_;
  for (int k = 1; k <= Speech::kOrder; ++k) {
    const torch::Tensor before =
        torch::constant_pad_nd(x.narrow(1, 0, x.size(1) - k), {k, 0});  // x_{t-k}, silence first
    mean = mean + filter_[k - 1] * before;
  }
  const torch::Tensor e = (x - mean) / gain_;
  return (-0.5 * e.square() - gain_.log() - 0.5 * std::log(2 * std::numbers::pi)).sum(1);
}

}  // namespace fluvox::likelihood
