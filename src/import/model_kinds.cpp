#include "import/model_kinds.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/strict_json.h"

namespace fluvox::imports {
namespace {

constexpr size_t kMostShown = 4;
constexpr size_t kMostNames = 10'000;

// A part of a name that no other of these has.
constexpr std::pair<const char*, const char*> kTelling[] = {
    {"attention_rnn", "a Tacotron 2, which makes mels; its vocoder is a file of its own"},
    {"duration_predictor",
     "a FastPitch or FastSpeech, which makes mels; its vocoder is a file of "
     "its own"},
    {"text_encoder", "a text-to-speech model, which makes mels; its vocoder is a file of its own"},
    {"conv_pre", "a HiFi-GAN or BigVGAN, which is no flow"},
    {"discriminator", "an adversarial vocoder, which is no flow"},
    {"diffusion_embedding", "a diffusion vocoder, which is no flow"},
    {"actnorm", "a FloWaveNet or Glow"},
    {"upsample_net", "a Parallel WaveGAN or WaveNet"},
    {"upsample_conv", "a WaveNet, ClariNet or WaveFlow"},
};

}  // namespace

std::optional<std::string> prefix_of_model(const std::vector<std::string>& names) {
  const std::string first = kFirstOfEveryModel;
  for (const std::string& name : names) {
    if (!name.ends_with(first)) continue;
    std::string prefix = name.substr(0, name.size() - first.size());
    if (prefix.empty() || prefix.back() == '.') return prefix;
  }
  return {};
}

std::string looks_like(const std::vector<std::string>& names) {
  for (const auto& [part, kind] : kTelling)
    for (const std::string& name : names)
      if (name.find(part) != std::string::npos)
        return text("it looks like ", kind, " (it has ", in_quotes(name), ")");
  std::string listed;
  for (size_t i = 0; i < std::min(names.size(), kMostShown); ++i)
    listed += (i > 0 ? ", " : "") + in_quotes(names[i]);
  if (names.size() > kMostShown) listed += text(" and ", names.size() - kMostShown, " more");
  return names.empty() ? "found no tensor" : "found " + listed;
}

std::string looks_like(const Value& root) {
  if (root.is_tensor()) return "found a single tensor, a mel perhaps";
  if (!root.is_dict()) return "found " + root.describe();
  std::vector<std::string> names;
  const auto add = [&](const Value& dictionary) {
    for (size_t i = 0; i < dictionary.size() && names.size() < kMostNames; ++i)
      if (dictionary.key(i).kind() == Kind::string) names.emplace_back(dictionary.key(i).string());
  };
  add(root);
  for (size_t i = 0; i < root.size() && names.size() < kMostNames; ++i)
    if (root.value(i).is_dict()) add(root.value(i));
  return looks_like(names);
}

}  // namespace fluvox::imports
