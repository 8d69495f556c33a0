// A manifest: the clips of a prepared corpus, one JSON object a line.
//
//   {"path": "clips/a-01.flac", "name": "a-01", "recording": "a", "first": 0, "samples": 90112,
//    "rate": 22050, "speaker": "", "text": "", "loudness": -23.1, "split": "train"}
//
// A path that is not absolute starts at the manifest's folder. A clip is `samples` samples of its
// file from `first` on, at the file's own rate. Loudness is in LUFS (audio/loudness.h). Clips cut
// from one recording bear its name. Where nothing was held out, split is "".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "audio/sound_file.h"
#include "core/config.h"

namespace fluvox::corpus {

struct Entry {
  std::string path, name, recording;
  int64_t first = 0;
  int64_t samples = 0;
  int rate = 0;
  std::string speaker, text;
  double loudness = 0;
  std::string split;

  double seconds() const { return static_cast<double>(samples) / rate; }
};

template <class Visitor>
void fields(Visitor& v, Entry& e) {
  v("path", e.path, "the sound file");
  v("name", e.name, "of the clip");
  v("recording", e.recording, "what it was cut from; its own name when whole");
  v("first", e.first, "its first sample in the file", Range{0, 9e15});
  v("samples", e.samples, "its length", Range{1, 9e15});
  v("rate", e.rate, "samples a second of the file", Range{1000, 768000});
  v("speaker", e.speaker, "who speaks, where it is known");
  v("text", e.text, "what is said, where it is known");
  v("loudness", e.loudness, "in LUFS");
  v("split", e.split, "train, held-out, or nothing where none is held out",
    OneOf{"", "train", "held-out"});
}

bool names_manifest(const std::filesystem::path& path);  // by its ending, .jsonl

// Every path comes back absolute or relative to where this program runs.
std::vector<Entry> read_manifest(const std::filesystem::path& path);
// Paths below the manifest's folder are written relative to it, others absolute. Atomic.
void write_manifest(const std::filesystem::path& path, const std::vector<Entry>& entries);

// The clips cut out of their files, brought to `rate` where that is not 0. A file that several
// clips in a row come from is decoded once. An entry without a rate, as of a file that no manifest
// speaks of, is the whole file; a file that is not what the manifest says is an error.
class Reader {
 public:
  std::vector<float> read_at(const Entry& entry, int rate);

 private:
  std::string path_;
  audio::Sound sound_;
};

}  // namespace fluvox::corpus
