#include "models/registry.h"

#include "models/autoregressive.h"
#include "models/compact.h"
#include "models/squeezewave.h"
#include "models/waveflow.h"
#include "models/waveglow.h"

namespace fluvox::models {
namespace {

// {"preset": NAME, ...}: the preset's settings, and over them the others
Json with_preset(Json settings, const std::vector<Preset>& presets) {
  if (!settings.is_object() || !settings.contains("preset")) return settings;
  const Json wanted = settings["preset"];
  settings.erase("preset");
  std::vector<std::string> names;
  std::string listed;
  for (const Preset& preset : presets) {
    if (wanted == preset.name) {
      Json merged = preset.settings;
      merged.update(settings);
      return merged;
    }
    names.push_back(preset.name);
    listed += (listed.empty() ? "" : ", ") + preset.name;
  }
  config::refuse("model.preset",
                 text("expected one of ", listed.empty() ? "none" : listed, "; found ",
                      wanted.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80),
                      wanted.is_string() ? did_you_mean(wanted.get<std::string>(), names) : ""));
}

template <class Settings>
Architecture entry(std::string name, std::string summary, Json tiny,
                   std::vector<Preset> presets = {}) {
  return {std::move(name),
          std::move(summary),
          [presets](const Json& settings, const mel::Convention& convention) {
            return spec_of(from_json<Settings>(with_preset(settings, presets), "model"),
                           convention);
          },
          [presets] {
            std::string listed;
            for (const Preset& p : presets) listed += (listed.empty() ? "" : ", ") + p.name;
            return describe_fields<Settings>() +
                   (listed.empty() ? "" : "  preset: one of " + listed + "\n");
          },
          std::move(tiny),
          presets};
}

// WaveFlow's heights and sizes: h16-64 ...
std::vector<Preset> waveflow_presets() {
  std::vector<Preset> presets;
  for (const int height : {8, 16, 32, 64})
    for (const int channels : {64, 96, 128, 256})
      presets.push_back(
          {text("h", height, "-", channels), {{"height", height}, {"channels", channels}}});
  return presets;
}

std::vector<Preset> channel_presets(std::initializer_list<int> sizes) {
  std::vector<Preset> presets;
  for (const int size : sizes) presets.push_back({std::to_string(size), {{"channels", size}}});
  return presets;
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> list = {
      entry<Compact>(
          "compact",
          "couplings over a whitened time x bin grid: small, fast to train, the voice that ships",
          {{"channels", 8}, {"dilations", {1, 2}}, {"rounds", 1}, {"hidden", 8}, {"width", 8}}),
      entry<WaveGlow>("waveglow",
                      "squeezed audio, invertible 1x1 convolutions, affine couplings around a WN",
                      {{"channels", 8}, {"layers", 2}, {"flows", 4}, {"early_every", 2}},
                      channel_presets({64, 128, 256, 512})),
      entry<SqueezeWave>(
          "squeezewave", "WaveGlow over long groups, with depthwise-separable convolutions",
          {{"channels", 8}, {"layers", 2}, {"flows", 4}, {"group", 8}, {"early_size", 2}},
          {{"128-L", {{"group", 128}, {"channels", 256}}},
           {"64-L", {{"group", 256}, {"channels", 256}}},
           {"128-S", {{"group", 128}, {"channels", 128}}},
           {"64-S", {{"group", 256}, {"channels", 128}}}}),
      entry<WaveFlow>(
          "waveflow", "audio folded into rows, each made from the rows before by a 2-D network",
          {{"height", 8}, {"channels", 8}, {"layers", 2}, {"flows", 3}}, waveflow_presets()),
      entry<Maf>("maf", "a causal Gaussian WaveNet: quick to score, renders sample by sample",
                 {{"channels", 8}, {"layers", 3}, {"cycle", 2}, {"front", 4}}),
      entry<Iaf>("iaf",
                 "ClariNet's student: causal WaveNets that render at once, scored sample by sample",
                 {{"flows", 2}, {"channels", 8}, {"layers", 3}, {"cycle", 2}, {"front", 4}}),
  };
  return list;
}

const Architecture& architecture(const std::string& name) {
  std::vector<std::string> names;
  std::string listed;
  for (const Architecture& a : architectures()) {
    if (a.name == name) return a;
    names.push_back(a.name);
    listed += (listed.empty() ? "" : ", ") + a.name;
  }
  throw Error(Fault::usage, "model-unknown",
              text("expected a model of the registry (", listed, "), found '", name, "'",
                   did_you_mean(name, names)));
}

}  // namespace fluvox::models
