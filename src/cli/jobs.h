// What `fluvox render` is asked for: a list of jobs, each with its input, its output and its noise.
// The list is made and checked as a whole before anything is rendered.
//
// It comes from the arguments and from -f. Either may name folders, which are searched through all
// their depth in the order of the names; the results keep their places below -d. The list of -f is
// a path a line, or JSON lines where its name ends in .jsonl or it opens with a brace:
//   {"input": "mels/a.npy", "output": "a.flac", "seed": 3, "sigma": 0.7}
// All but input may be left out: the flags then say. A relative output lies below -d, where that is
// given.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/common.h"

namespace fluvox::cli {

struct Job {
  std::string input;
  std::filesystem::path output;
  uint64_t seed = 0;
  std::optional<double> sigma = {};
  std::string where = {};     // "jobs.jsonl, line 3", to open messages with; empty: an argument
  bool makes_folder = false;  // the output's folder is made where there is none
};

// Refuses two jobs with one output, and an output that is an input.
std::vector<Job> gather_jobs(const Flags& flags);

// The part "I/N" of a list: every N-th place from the I-th on, I from 1 to N. So the parts are
// disjoint, together they are the whole, and nothing but an item's place says whose it is.
struct Shard {
  uint64_t index = 1, count = 1;
  static Shard parse(const std::string& text);
  bool holds(uint64_t place) const { return place % count == index - 1; }
};

}  // namespace fluvox::cli
