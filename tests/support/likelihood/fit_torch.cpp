#include "support/likelihood/fit_torch.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace fluvox::likelihood {
namespace {

constexpr uint64_t kTraining = 1, kHeldOut = 2;  // seeds
constexpr int kWarmup = 50;

double rate_at(const Training& training, int step) {
  const double cosine = 0.5 + 0.5 * std::cos(std::numbers::pi * step / training.steps);
  return training.rate * cosine * std::min(1.0, (step + 1.0) / kWarmup);
}

}  // namespace

Batch batch_of(const flow::Spec& spec, const oracles::Oracle& oracle, int samples, int clips,
               uint64_t seed, uint64_t first, at::ScalarType type) {
  std::vector<double> audio, features, log_true;
  int64_t bands = 0, frames = 0;
  for (int i = 0; i < clips; ++i) {
    const oracles::Clip clip = oracle.draw(seed, first + static_cast<uint64_t>(i), samples);
    audio.insert(audio.end(), clip.x.begin(), clip.x.end());
    features.insert(features.end(), clip.features.begin(), clip.features.end());
    const std::vector<double> log_p = oracle.log_density(clip);
    log_true.push_back(std::accumulate(log_p.begin(), log_p.end(), 0.0));
    bands = clip.bands;
    frames = clip.frames;
  }
  if (bands == 0) {  // a flow without a condition counts the frames alone
    bands = 1;
    frames = samples / spec.conditioner.at("hop").get<int64_t>();
    features.assign(static_cast<size_t>(clips * frames), 0.0);
  }
  const auto tensor = [&](std::vector<double>& values, at::IntArrayRef shape) {
    return torch::from_blob(values.data(), shape, torch::kFloat64).to(type).clone();
  };
  return {tensor(audio, {clips, samples}), tensor(features, {clips, bands, frames}), log_true};
}

net::Condition condition_of(flow::TorchFlow& flow, const torch::Tensor& features) {
  return flow.condition(net::with_margins(features, flow.margins()));
}

void descend(flow::TorchFlow& flow, const Training& training,
             const std::function<torch::Tensor(int)>& loss, const Told& told) {
  torch::optim::Adam adam(flow.parameters(),
                          torch::optim::AdamOptions(training.rate).betas({0.9, 0.98}));
  flow.train();
  for (int step = 0; step < training.steps; ++step) {
    for (auto& group : adam.param_groups())
      static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate_at(training, step));
    adam.zero_grad();
    const torch::Tensor value = loss(step);
    value.backward();
    torch::nn::utils::clip_grad_norm_(flow.parameters(), 1.0);
    adam.step();
    if (told) told(step + 1, -value.item<double>());
  }
  flow.eval();
}

std::shared_ptr<flow::TorchFlow> fit(const flow::Spec& spec, const oracles::Oracle& oracle,
                                     int samples, const Training& training, const Told& told) {
  torch::manual_seed(1);
  auto flow = std::make_shared<flow::TorchFlow>(spec);
  const auto batch = [&](int step) {
    return batch_of(spec, oracle, samples, training.batch, kTraining,
                    static_cast<uint64_t>(step) * static_cast<uint64_t>(training.batch),
                    torch::kFloat32);
  };
  const Batch first = batch(0);
  flow->initialise(first.audio, condition_of(*flow, first.features));
  descend(
      *flow, training,
      [&](int step) {
        const Batch b = batch(step);
        return -flow->log_prob(b.audio, condition_of(*flow, b.features)).mean() / samples;
      },
      told);
  return flow;
}

torch::Tensor divergence(flow::TorchFlow& flow, const net::Condition& condition, int samples,
                         const LogDensity& log_p) {
  const auto drawn = flow.sample_with_log_prob(condition, samples);
  return (drawn.log_prob - log_p(drawn.x)) / samples;
}

oracles::Mean gap(flow::TorchFlow& flow, const oracles::Oracle& oracle, int samples, int clips) {
  const torch::NoGradGuard no_grad;
  flow.to(torch::kFloat64);
  oracles::Mean mean;
  const int at_once = std::clamp(65536 / samples, 1, clips);
  for (int first = 0; first < clips; first += at_once) {
    const int count = std::min(at_once, clips - first);
    const Batch b = batch_of(flow.spec(), oracle, samples, count, kHeldOut,
                             static_cast<uint64_t>(first), torch::kFloat64);
    const torch::Tensor log_p = flow.log_prob(b.audio, condition_of(flow, b.features));
    for (int i = 0; i < count; ++i)
      mean.add((b.log_true[static_cast<size_t>(i)] - log_p[i].item<double>()) / samples);
  }
  return mean;
}

}  // namespace fluvox::likelihood
