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
};

std::vector<Experiment> experiments();

struct Outcome {
  oracles::Mean gap;
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

// The models of the registry on B8, in sizes that train on a small machine. `spec` is for features
// of the oracle's frames.
struct Contender {
  std::string model;
  flow::Spec spec;
  bool by_likelihood;  // false: its density is serial, so it is taught by a teacher instead
};
std::vector<Contender> contenders();
Experiment on_speech(const Contender& contender);

}  // namespace fluvox::likelihood
