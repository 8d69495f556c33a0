#include "models/registry.h"

#include "models/compact.h"
#include "models/waveglow.h"

namespace fluvox::models {
namespace {

template <class Settings>
Architecture entry(std::string name, std::string summary, Json tiny) {
  return {std::move(name), std::move(summary),
          [](const Json& settings, const mel::Convention& convention) {
            return spec_of(from_json<Settings>(settings, "model"), convention);
          },
          [] { return describe_fields<Settings>(); }, std::move(tiny)};
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
                      {{"channels", 8}, {"layers", 2}, {"flows", 4}, {"early_every", 2}}),
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
