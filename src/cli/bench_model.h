// What `fluvox bench` measures of a model.
#pragma once

#include <string>

#include "core/config.h"
#include "flow/model_file.h"
#include "mel/mel.h"
#include "runtime/session.h"

namespace fluvox::cli {

struct BenchSettings {
  int frames = 256;
  int chunk = 0;       // frames pushed at a time; 0: as a rendering does it
  int utterances = 1;  // of so many frames, handed over together; a stream is of one
  std::string precision = "fp32";
  runtime::SessionOptions session;
};

// Levels of speech, more or less: what the arithmetic costs does not depend on them.
mel::Mel made_up_mel(int frames, int bands);

// Renders frames of made-up mel, several times. On the CPU the median is held against what this
// machine was found able to do in the same run; on a GPU, whose peak is not measured, the time
// within it and its memory are told instead.
Json bench_model(const flow::Model& model, const BenchSettings& settings);

}  // namespace fluvox::cli
