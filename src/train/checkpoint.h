// A checkpoint: everything that a resumed run needs to go on as if it had never stopped. One
// safetensors file (weights, averaged weights, Adam's moments) whose metadata holds the step, the
// settings and a SHA-256 over all of it. Written atomically; a damaged one is refused, and the one
// before it is taken.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/config.h"
#include "core/tensor.h"

namespace fluvox::train {

struct Checkpoint {
  int64_t step = 0;
  int64_t updates = 0;  // Adam's own count: steps that were not skipped
  Json settings;
  Json spec;
  double held_out = 0;  // the last measurement, nats per sample
  // The best measurement so far, and its step; -1: none yet.
  double best_held_out = 0;
  int64_t best_step = -1;
  double rate_factor = 1;  // halved each time that training diverged
  double loss_scale = 0;   // of fp16 (trainer.cpp); 0: as a run begins
  Tensors tensors;         // weights/NAME, average/NAME, moment1/NAME, moment2/NAME, state/NAME
};

// Keeps the `keep` newest ones of the folder, and that of the best step.
void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint, int keep);

// The newest sound checkpoint of the folder; damaged ones are named on the log and passed over. An
// error when there is none.
Checkpoint newest_checkpoint(const std::filesystem::path& folder);
bool has_checkpoint(const std::filesystem::path& folder);
Checkpoint read_checkpoint(const std::filesystem::path& path);

}  // namespace fluvox::train
