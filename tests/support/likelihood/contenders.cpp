#include "flow/registry.h"
#include "mel/convention.h"
#include "models/registry.h"
#include "support/likelihood/experiments.h"
#include "support/oracles/speech.h"

namespace fluvox::likelihood {
namespace {

constexpr int kHop = 16, kSamples = 1024;

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

// Sizes of a like order, tens of thousands of parameters; a model that is not named takes its tiny
// ones.
Json settings_of(const models::Architecture& architecture) {
  const std::map<std::string, Json> sizes = {
      {"waveglow", {{"channels", 32}, {"layers", 4}, {"flows", 6}, {"early_every", 3}}},
      {"squeezewave",
       {{"channels", 64},
        {"layers", 3},
        {"flows", 6},
        {"group", 16},
        {"early_every", 3},
        {"early_size", 2}}},
      {"waveflow", {{"channels", 24}, {"layers", 4}, {"flows", 4}, {"height", 8}}},
      {"maf", {{"flows", 2}, {"channels", 24}, {"layers", 4}, {"cycle", 4}, {"front", 8}}},
  };
  const auto found = sizes.find(architecture.name);
  return found == sizes.end() ? architecture.tiny : found->second;
}

}  // namespace

std::vector<Contender> contenders() {
  std::vector<Contender> list;
  for (const models::Architecture& architecture : models::architectures()) {
    const flow::Spec spec = architecture.build(settings_of(architecture), convention());
    list.push_back({architecture.name, spec, flow::ways_of(spec).parallel_forward});
  }
  return list;
}

Experiment on_speech(const Contender& contender) {
  // WaveGlow is held to a figure; the others are measured beside it.
  const double epsilon = contender.model == "waveglow" ? 0.05 : 1;
  return {contender.model + "-b8",
          contender.model + " on source-filter speech",
          std::make_shared<oracles::SourceFilterSpeech>(kHop),
          kSamples,
          contender.spec,
          0,
          200,
          {{300, 4, 4e-3}, 0.2},
          {{15000, 8, 2e-3}, epsilon}};
}

}  // namespace fluvox::likelihood
