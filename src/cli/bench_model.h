// What `fluvox bench` measures of a model.
#pragma once

#include "core/config.h"
#include "flow/model_file.h"
#include "runtime/session.h"

namespace fluvox::cli {

struct BenchSettings {
  int frames = 256;
  int chunk = 0;  // frames pushed at a time; 0: as a rendering does it
  runtime::SessionOptions session;
};

// Renders the model's own frames of made-up mel, several times, and holds the median against what
// this machine was found able to do in the same run.
Json bench_model(const flow::Model& model, const BenchSettings& settings);

}  // namespace fluvox::cli
