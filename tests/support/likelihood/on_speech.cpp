#include <chrono>

#include "flow/registry.h"
#include "mel/convention.h"
#include "models/registry.h"
#include "support/likelihood/experiments.h"
#include "support/likelihood/speech_torch.h"
#include "support/oracles/speech.h"

namespace fluvox::likelihood {
namespace {

constexpr int kHop = 16;

// A convention whose bands are the oracle's features: models take sizes and rate from it.
mel::Convention convention() {
  mel::Convention c;
  c.name = "source-filter";
  c.sample_rate = 8000;
  c.fft = c.window = 4 * kHop;
  c.hop = kHop;
  c.bands = oracles::SourceFilterSpeech::kBands;
  c.fmin = 0;
  c.fmax = 4000;
  return c;
}

// Sizes of a like order, tens of thousands of parameters, and a short training; a model that is not
// named takes its tiny ones.
struct Contender {
  Json settings;
  int quick_steps = 300;
};
Contender contender_of(const models::Architecture& architecture) {
  const std::map<std::string, Contender> contenders = {
      {"waveglow", {{{"channels", 32}, {"layers", 4}, {"flows", 6}, {"early_every", 3}}}},
      {"squeezewave",
       {{{"channels", 64},
         {"layers", 3},
         {"flows", 6},
         {"group", 16},
         {"early_every", 3},
         {"early_size", 2}}}},
      {"waveflow", {{{"channels", 24}, {"layers", 4}, {"flows", 4}, {"height", 8}}, 150}},
      {"nice", {architecture.tiny, 1500}},  // its one scale has far to go from 1
      {"maf", {{{"flows", 2}, {"channels", 24}, {"layers", 4}, {"cycle", 4}, {"front", 8}}}},
      {"iaf", {architecture.tiny, 600}},
  };
  const auto found = contenders.find(architecture.name);
  return found == contenders.end() ? Contender{architecture.tiny} : found->second;
}

// A flow whose density is serial is taught by the oracle's density of its own samples, at
// conditions that are new in every step, and judged so: all its figures are of the reverse KL.
class Taught {
 public:
  Taught(const Experiment& e, const Schedule& schedule, const Told& told) : e_(e) {
    torch::manual_seed(1);
    flow_ = std::make_shared<flow::TorchFlow>(e.spec);
    const int batch = schedule.training.batch;
    descend(
        *flow_, schedule.training,
        [&](int step) { return divergences(kTeaching, step, batch, at::kFloat).of_flow.mean(); },
        told);
  }

  Outcome outcome() {
    const torch::NoGradGuard no_grad;
    constexpr int kAtOnce = 50;
    Outcome outcome;
    for (const torch::Tensor& p : flow_->parameters()) outcome.parameters += p.numel();
    flow_->to(at::kDouble);
    oracles::Mean over;
    for (int i = 0; i < e_.held_out / kAtOnce; ++i) {
      const Divergences found = divergences(kHeldOut, i, kAtOnce, at::kDouble);
      for (int64_t j = 0; j < kAtOnce; ++j) {
        outcome.gap.add(found.of_flow[j].item<double>());
        over.add((found.of_flow[j] - found.of_features[j]).item<double>());
      }
    }
    outcome.gap_of_features = over;
    return outcome;
  }

 private:
  static constexpr uint64_t kTeaching = 3, kHeldOut = 4;  // seeds

  // [batch]: of a sample for each clip's features, by the flow and by the closed form that sees the
  // features alone
  struct Divergences {
    torch::Tensor of_flow, of_features;
  };
  Divergences divergences(uint64_t seed, int place, int batch, at::ScalarType type) {
    const auto first = static_cast<uint64_t>(place) * static_cast<uint64_t>(batch);
    std::vector<oracles::Clip> clips;
    for (int i = 0; i < batch; ++i)
      clips.push_back(speech_.draw(seed, first + static_cast<uint64_t>(i), e_.samples));
    const SpeechDensity truth(speech_, kHop, clips, type);
    const auto log_p = [&](const torch::Tensor& x) { return truth.log_prob(x); };
    const Batch inputs = batch_of(e_.spec, speech_, e_.samples, batch, seed, first, type);
    Divergences found;
    found.of_flow = divergence(*flow_, condition_of(*flow_, inputs.features), e_.samples, log_p);
    if (seed == kHeldOut) {
      std::vector<double> mean, variance;
      for (const oracles::Clip& clip : clips) {
        const auto of = oracles::SpeechFromFeatures(kHop).marginals(clip);
        mean.insert(mean.end(), of.mean.begin(), of.mean.end());
        variance.insert(variance.end(), of.variance.begin(), of.variance.end());
      }
      const auto tensor = [&](std::vector<double>& values) {
        return torch::from_blob(values.data(), {batch, e_.samples}, torch::kFloat64).clone();
      };
      const torch::Tensor z = torch::randn({batch, e_.samples}, torch::kFloat64);
      const torch::Tensor v = tensor(variance);
      const torch::Tensor log_g =
          (-0.5 * z.square() - 0.5 * (2 * std::numbers::pi * v).log()).sum(1);
      found.of_features = (log_g - log_p(tensor(mean) + v.sqrt() * z)) / e_.samples;
    }
    return found;
  }

  const Experiment& e_;
  oracles::SourceFilterSpeech speech_{kHop};
  std::shared_ptr<flow::TorchFlow> flow_;
};

Outcome outcome_of(const Experiment& e, const Schedule& schedule, const Told& told) {
  if (!flow::ways_of(e.spec).parallel_forward) return Taught(e, schedule, told).outcome();
  const auto flow = fit(e.spec, *e.oracle, e.samples, schedule.training, told);
  Outcome outcome;
  for (const torch::Tensor& p : flow->parameters()) outcome.parameters += p.numel();
  outcome.gap = gap(*flow, *e.oracle, e.samples, e.held_out);
  outcome.gap_of_features = gap(*flow, oracles::SpeechFromFeatures(kHop), e.samples, e.held_out);
  return outcome;
}

}  // namespace

std::vector<Experiment> on_speech() {
  std::vector<Experiment> list;
  for (const models::Architecture& architecture : models::architectures()) {
    const Contender contender = contender_of(architecture);
    Experiment e;
    e.name = architecture.name + "-b8";
    e.claim = architecture.name + " on source-filter speech";
    e.oracle = std::make_shared<oracles::SourceFilterSpeech>(kHop);
    e.spec = architecture.build(contender.settings, convention());
    // A recording has a full scale; the process goes beyond it as it pleases.
    std::erase_if(e.spec.steps, [](const Json& step) { return step.at("kind") == "knee"; });
    e.samples = 1024;
    e.expected = 0;
    e.held_out = 200;
    // WaveGlow is held to a figure; the others are measured beside it.
    const bool held = architecture.name == "waveglow";
    e.quick = {{contender.quick_steps, 4, 8e-3}, held ? 0.2 : 1};
    e.full = {{held ? 15000 : 5000, 8, 2e-3}, held ? 0.05 : 1};
    list.push_back(e);
  }
  return list;
}

Outcome run_on_speech(const Experiment& e, const Schedule& schedule, const Told& told) {
  const auto start = std::chrono::steady_clock::now();
  Outcome outcome = outcome_of(e, schedule, told);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

}  // namespace fluvox::likelihood
