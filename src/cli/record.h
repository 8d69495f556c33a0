// Records of what a run has finished, so that the next one can tell its own whole results from
// anything else. The record of out/a.wav is out/.fluvox/a.wav.json:
//   {"fluvox_record": 1, "key": "...", "sha256": "..."}
// sha256 is that of the output's bytes. key is that of all that decides about them: the bytes of
// the input (and of the sidecar of a mel), the model, the settings. A record vouches for an output
// when both are what they should be now, so a torn, changed or foreign file, one of another model
// or seed, and one whose input has changed since, are all made again.
//
// A record is written whole or not at all, and only behind its output. Runs that share a folder
// have a record a file and never write to each other's, unless they do the same work twice.
#pragma once

#include <filesystem>
#include <string>

#include "core/config.h"

namespace fluvox::cli {

// settings: whatever else the output depends on.
std::string key_of(const std::string& input, const Json& settings);

bool vouched_for(const std::filesystem::path& output, const std::string& key);
void keep_record(const std::filesystem::path& output, const std::string& key);

}  // namespace fluvox::cli
