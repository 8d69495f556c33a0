// A Python for the tests that ask an independent implementation again. None is required: where no
// Python has the packages, such a test skips and says so.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

namespace fluvox::support {

inline bool succeeds(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// The first Python that imports `packages` ("numpy, librosa"), or "": $FLUVOX_PYTHON alone where it
// is set; otherwise that of an active environment, of the torch that serves as LibTorch
// ($LIBTORCH = PREFIX/lib/python3.N/site-packages/torch), of the search path, of the system.
inline std::string python_with(const std::string& packages) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  std::vector<std::string> candidates;
  if (const std::string named = variable("FLUVOX_PYTHON"); !named.empty()) {
    candidates = {named};
  } else {
    if (const std::string active = variable("VIRTUAL_ENV"); !active.empty())
      candidates.push_back(active + "/bin/python");
    if (const std::string torch = variable("LIBTORCH"); !torch.empty())
      candidates.push_back(torch + "/../../../../bin/python");
    candidates.insert(candidates.end(), {"python3", "/usr/bin/python3"});
  }
  for (const std::string& python : candidates)
    if (succeeds("'" + python + "' -c 'import " + packages + "'")) return python;
  return "";
}

}  // namespace fluvox::support
