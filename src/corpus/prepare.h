// From a corpus as people have it to a manifest and the clips to train on.
//
//   Listing listing = list_corpus("LJSpeech-1.1");
//   Prepared done = prepare(listing, {.rate = 22050, .held_out = 100}, "corpora/lj");
//
// Writes, into the folder, manifest.jsonl (corpus/manifest.h), rejected.jsonl with what cannot be
// used and why, and, where anything changes a recording, clips/NAME.flac. Without such changes the
// manifest points at the originals.
//
// .prepared.jsonl keeps what was found in each file. A run that was stopped, or one over a corpus
// that has grown, takes what is known of the files that did not change under the same settings.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/progress.h"
#include "corpus/check.h"
#include "corpus/layouts.h"
#include "corpus/manifest.h"

namespace fluvox::corpus {

struct Settings {
  int rate = 0;                    // resample to it; 0: each file's own
  bool upsample = false;           // lower rates too, whose highest octave then stays empty
  bool trim = false;               // silence off the ends
  double split = 0;                // cut what is longer, in seconds, at pauses; 0: do not
  std::string normalize = "none";  // or peak, or lufs:N (audio/loudness.h)
  std::string format = "flac";     // of the clips: flac or wav, 16 bits
  double least_seconds = 0.5;      // (corpus/check.h)
  double most_clipped = 0.001;
  int held_out = 0;                 // clips or speakers to hold out; 0: that is left to training
  std::string by = "clip";          // or speaker
  std::vector<std::string> listed;  // names to hold out in place of a number of them
  uint64_t seed = 1;

  bool changes() const { return rate > 0 || trim || split > 0 || normalize != "none"; }
};

struct Prepared {
  std::filesystem::path manifest;
  std::vector<Entry> entries;
  std::vector<Rejected> rejected;
  size_t known = 0;    // files taken from an earlier run
  size_t limited = 0;  // clips that could not become as loud as asked for without clipping
  std::vector<std::string> not_found;  // of the names to hold out

  double seconds() const;
  std::map<std::string, size_t> reasons() const;  // how often each code
};

// threads: 0 for one on each core; results do not depend on it. Refuses when nothing is left.
Prepared prepare(const Listing& listing, const Settings& settings,
                 const std::filesystem::path& folder, int threads, ProgressMode progress);

}  // namespace fluvox::corpus
