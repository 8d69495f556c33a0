// Clips to train on and clips held out, in memory as 16-bit samples at the model's rate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/progress.h"
#include "train/config.h"

namespace fluvox::train {

struct Clip {
  std::string name;  // the file's name without its ending
  std::vector<int16_t> samples;
  int corpus = 0;
};

struct Corpus {
  std::vector<Clip> clips;            // to train on
  std::vector<Clip> held_out;         // as they are: never sped up or augmented
  std::vector<std::string> names;     // of the corpora: their folders' last parts
  std::vector<double> weights;        // of each clip, to be drawn by
  std::vector<std::string> rejected;  // "path: reason"
};

// Reads every clip of each manifest (corpus/manifest.h) and every sound file below each folder, at
// `rate`. Which are held out is what the manifest says or, where it says nothing, decided by the
// seed and the names alone. Files that cannot be read, and clips shorter than `least` samples or
// silent, are rejected with the reason; an error when nothing is left.
Corpus read_corpus(const TrainSettings& settings, int rate, size_t least, ProgressMode progress);

}  // namespace fluvox::train
