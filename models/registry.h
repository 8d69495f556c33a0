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

struct Architecture {
  std::string name;
  std::string summary;
  std::function<flow::Spec(const Json& settings, const mel::Convention&)>
      build;  // {} for the defaults
  std::function<std::string()> describe_settings;
  Json tiny;  // settings of a size that tests can train in seconds
};

const std::vector<Architecture>& architectures();
const Architecture& architecture(const std::string& name);  // an error with the nearest name

}  // namespace fluvox::models
