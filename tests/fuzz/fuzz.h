// Fuzz targets: one small file a reader, each with what it does to an input and the inputs to start
// from. driver.cpp makes a libFuzzer program of one (tools/fuzz); seeds_test.cpp feeds all seeds,
// cut short and damaged, to every target in the ordinary tests.
//
// A reader may refuse by throwing Error. Any other exception is a find, as are a sanitizer's
// report, a hang, and memory beyond what tools/fuzz allows.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace fluvox::fuzz {

struct Target {
  const char* name;
  void (*run)(std::string_view input);
  std::vector<std::string> (*seeds)();
};

extern const Target npy, safetensors, json, toml, sound, pickle, torch, spec, request;

inline constexpr std::array kTargets = {&npy,    &safetensors, &json, &toml,   &sound,
                                        &pickle, &torch,       &spec, &request};

// Whether the target took it.
inline bool feed(const Target& target, std::string_view input) {
  try {
    target.run(input);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// What must hold after an input was taken. Not an Error: nothing refuses here.
struct Broken : std::logic_error {
  using std::logic_error::logic_error;
};
inline void expect(bool holds, const char* what) {
  if (!holds) throw Broken(what);
}

}  // namespace fluvox::fuzz
