// A Python for the tests that ask an independent implementation again. None is required: where no
// Python has the packages, such a test skips and says so.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

namespace fluvox::support {

// The first Python that has the `packages` ("numpy librosa"), or "": $FLUVOX_PYTHON alone where it
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
  // Found is enough: importing them all takes seconds.
  const std::string script =
      "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))";
  for (const std::string& python : candidates) {
    const std::string command = "'" + python + "' -c '" + script + "' " + packages;
    if (std::system((command + " >/dev/null 2>&1").c_str()) == 0) return python;
  }
  return "";
}

}  // namespace fluvox::support
