// The experiments: a flow, the oracle it is fitted to, and the gap that theory demands. Each has a
// short training, which the suite runs, and a full one, which tools/bench/likelihood runs; the
// tolerance of either is stated beside it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flow/spec.h"
#include "support/likelihood/fit_torch.h"

namespace fluvox::likelihood {

struct Schedule {
  Training training;
  double epsilon;  // the measured gap lies within this of the expected one
  int held_out;    // clips
};

struct Experiment {
  std::string name;
  std::string claim;  // what it shows, for the table
  std::shared_ptr<const oracles::Oracle> oracle;
  int samples;  // of a clip
  flow::Spec spec;
  double expected;  // nats a sample above the truth: 0, or what theory says such a flow loses
  Schedule quick, full;
};

std::vector<Experiment> experiments();

struct Outcome {
  oracles::Mean gap;
  double seconds = 0;
  int64_t parameters = 0;
};
Outcome run(const Experiment& experiment, const Schedule& schedule, const Told& told = nullptr);

// What is wrong with an outcome, in a sentence; empty where nothing is.
std::string fault(const Experiment& experiment, const Schedule& schedule, const Outcome& outcome);

}  // namespace fluvox::likelihood
