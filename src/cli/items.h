// A run over many inputs: one that is bad is named and the others go on. What concerns all of them
// (a full disk, a closed pipe, a signal) ends the run.
//
//   return run_items("mel", inputs, flags, [&](size_t i) {
//     ...
//     return Item{.seconds = 2.5, .result = {{"output", "a.npy"}}};
//   });
//
// stdout has a line for each item that is done, in the order of the inputs: its result as JSON with
// --json, otherwise its line, or its "output" so that paths can be piped on. The last line on
// stderr sums up; with --json it does so once more, as JSON.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/common.h"
#include "core/config.h"

namespace fluvox::cli {

struct Item {
  double seconds = 0;  // of audio
  bool skipped = false;
  Json result = Json::object();
  std::string line = {};  // on stdout without --json; when empty, the result's "output"
};

struct Way {
  bool stop = false;                // the first failure ends the run, with its own exit code
  bool outlive_unwritable = false;  // a file that cannot be written is its item's failure alone
  int at_once =
      1;  // items worked on at the same time, each by one thread; results keep their order
};

// The exit code: 0, or 1 when some failed, or 5 when some of them could not be written. The failure
// of a single input is thrown on.
int run_items(const std::string& title, const std::vector<std::string>& inputs, const Flags& flags,
              const std::function<Item(size_t)>& work);

// The same for work that can tell how much of an item, 0 to 1, is behind it.
using Share = std::function<void(double)>;
int run_items(const std::string& title, const std::vector<std::string>& inputs, const Flags& flags,
              const std::function<Item(size_t, const Share&)>& work, const Way& way = {});

}  // namespace fluvox::cli
