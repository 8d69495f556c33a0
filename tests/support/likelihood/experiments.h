// The experiments: a flow, the oracle it is fitted to, and the gap that theory demands. Each has a
// short training, which the suite runs, and a full one, which tools/bench/likelihood runs; the
// tolerance of either is stated beside it.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "flow/spec.h"
#include "support/likelihood/fit_torch.h"

namespace fluvox::likelihood {

struct Schedule {
  Training training;
  double epsilon;  // the measured gap lies within this of the expected one
};

struct Experiment {
  std::string name;   // flow-oracle
  std::string claim;  // what it shows
  std::shared_ptr<const oracles::Oracle> oracle;
  int samples;  // of a clip
  flow::Spec spec;
  double expected;  // nats a sample above the truth: 0, or what theory says such a flow loses
  int held_out;     // clips
  Schedule quick, full;

  friend void PrintTo(const Experiment& e, std::ostream* out) { *out << e.name; }  // for gtest
};

std::vector<Experiment> experiments();

struct Outcome {
  oracles::Mean gap;
  // Of B8: mean[log p(each x_t given the features alone) - log p_model], which is below 0 where the
  // model has learnt from the samples around
  std::optional<oracles::Mean> gap_of_features = {};
  double seconds = 0;
  int64_t parameters = 0;
};
Outcome run(const Experiment& experiment, const Schedule& schedule, const Told& told = nullptr);

// What is wrong with a gap, in a sentence; empty where nothing is. It must not lie below zero by
// more than three standard errors, and must be the expected one within epsilon.
std::string fault(const std::string& name, const oracles::Mean& gap, double expected,
                  double epsilon);

// B6: a student of L + 1 taps, fitted to the AR(1) teacher of oracles/student.h by the reverse KL
// of its own samples, and judged on fresh ones. It has no `oracle`.
Experiment student();
Outcome run_student(const Experiment& experiment, const Schedule& schedule,
                    const Told& told = nullptr);

// Every model of the registry on B8, in sizes that train on a small machine, its features those of
// the oracle's frames. One whose density is serial is taught the oracle's density by the reverse KL
// of its own samples, and judged by its own density like the others.
std::vector<Experiment> on_speech();

Outcome run_on_speech(const Experiment& experiment, const Schedule& schedule,
                      const Told& told = nullptr);

}  // namespace fluvox::likelihood
