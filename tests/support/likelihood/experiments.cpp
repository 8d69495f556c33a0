#include "support/likelihood/experiments.h"

#include <chrono>

#include "mel/convention.h"
#include "models/registry.h"
#include "support/oracles/speech.h"

namespace fluvox::likelihood {
namespace {

constexpr int kSpeechHop = 64;

// What a model of the registry is built for: features for bands.
mel::Convention speech_convention() {
  mel::Convention c;
  c.name = "source-filter";
  c.sample_rate = 8000;
  c.fft = c.window = 4 * kSpeechHop;
  c.hop = kSpeechHop;
  c.bands = oracles::SourceFilterSpeech::kBands;
  return c;
}

flow::Spec registered(const std::string& model, const Json& settings) {
  return models::architecture(model).build(settings, speech_convention());
}

}  // namespace

std::vector<Experiment> experiments() {
  const auto speech = std::make_shared<oracles::SourceFilterSpeech>(kSpeechHop);
  return {
      {.name = "waveglow-b8",
       .claim = "WaveGlow on source-filter speech",
       .oracle = speech,
       .samples = 1024,
       .spec = registered("waveglow",
                          {{"channels", 32}, {"layers", 4}, {"flows", 6}, {"early_every", 3}}),
       .expected = 0,
       .quick = {{.steps = 300, .batch = 8, .rate = 3e-3}, 0.4, 128},
       .full = {{.steps = 10000, .batch = 16, .rate = 2e-3}, 0.05, 512}},
  };
}

Outcome run(const Experiment& experiment, const Schedule& schedule, const Told& told) {
  const auto start = std::chrono::steady_clock::now();
  const auto flow =
      fit(experiment.spec, *experiment.oracle, experiment.samples, schedule.training, told);
  Outcome outcome;
  for (const torch::Tensor& p : flow->parameters()) outcome.parameters += p.numel();
  outcome.gap = gap(*flow, *experiment.oracle, experiment.samples, schedule.held_out);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

std::string fault(const Experiment& experiment, const Schedule& schedule, const Outcome& outcome) {
  const double mean = outcome.gap.mean(), error = outcome.gap.error();
  const std::string found = text(experiment.name, ": gap ", mean, " +- ", error);
  if (!(mean > experiment.expected - std::max(3 * error, 1e-12)))
    return text(found, ": better than the best there is, ", experiment.expected,
                ": a density is wrong or a net sees what it must not");
  if (!(mean < experiment.expected + schedule.epsilon))
    return text(found, ": expected ", experiment.expected, " within ", schedule.epsilon);
  return "";
}

}  // namespace fluvox::likelihood
