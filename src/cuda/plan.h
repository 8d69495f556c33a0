// A flow as the GPU samples it: its steps backwards, linear ones folded into their neighbours, the
// weights packed on the device. Refuses what has no CUDA body, by name.
#pragma once

#include <vector>

#include "cuda/stage.h"
#include "flow/model_file.h"
#include "flow/step_runtime.h"

namespace fluvox::cuda {

struct Plan {
  // The model has passed flow::RuntimeFlow: its parts belong together. The device is in use.
  Plan(const flow::Model& model, const flow::ConditionShape& condition, Precision precision);

  // Lays all of it out (tape.h): noise comes in, audio goes out.
  void lay(Tape& tape) const;

  struct Placed {
    StagePtr stage;
    int channels;      // that enter
    int scale;         // rows to a position of z
    int joined = 0;    // channels of z that come back behind it, in front of what leaves
    int first = 0;     // the first of those, of z's
    int unfolded = 1;  // rows that a row becomes behind it: its channels, row after row
  };
  std::vector<Placed> stages;  // in the order of sampling
  int channels = 0;            // of z, and samples of a position
  flow::ConditionShape condition;
  int condition_scale = 1;  // rows of the condition to a position
  int64_t look_ahead = 0;   // in positions
  bool streams = true;

 private:
  void add(StagePtr stage, int entering, int scale);
  void add_linear(const Linear& linear, int scale);
  void join(int leaving, int channels_here, int scale);
  void unfold(int group, int channels_behind, int scale);
};

}  // namespace fluvox::cuda
