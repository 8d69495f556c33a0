// The architectures by name. A model is a file here: hyper-parameters -> spec; what is listed below
// is found by `fluvox train --model`, by `fluvox info`, and by the tests, which put every one
// through the same suite.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "flow/spec.h"
#include "mel/convention.h"

namespace fluvox::models {

struct Preset {
  std::string name;
  Json settings;  // what differs from the defaults
};

struct Architecture {
  std::string name;
  std::string summary;
  // {} for the defaults; {"preset": NAME} begins with a published configuration, which the other
  // settings override
  std::function<flow::Spec(const Json& settings, const mel::Convention&)> build;
  std::function<std::string()> describe_settings;
  Json tiny;  // settings of a size that tests can train in seconds
  std::vector<Preset> presets;
};

const std::vector<Architecture>& architectures();
const Architecture& architecture(const std::string& name);  // an error with the nearest name

}  // namespace fluvox::models
