// What a training run of a few steps needs: recordings, and settings to go with them.
#pragma once

#include <cstdint>
#include <filesystem>

#include "audio/sound_file.h"
#include "core/error.h"
#include "support/made_speech.h"
#include "train/config.h"

namespace fluvox::support {

// clip0.wav, clip1.wav ... of made speech
inline void write_clips(const std::filesystem::path& folder, std::uint64_t count, double seconds,
                        int rate = 22050) {
  std::filesystem::create_directories(folder);
  for (std::uint64_t seed = 0; seed < count; ++seed)
    audio::write_sound(folder / text("clip", seed, ".wav"), made_speech(rate, seconds, seed), rate);
}

// Of a small compact: two of those clips held out, and short segments.
inline train::TrainSettings short_run(const std::filesystem::path& corpus) {
  train::TrainSettings settings;
  settings.settings = {
      {"channels", 8}, {"dilations", {1}}, {"rounds", 1}, {"hidden", 8}, {"width", 8}};
  settings.corpora = {Json{{"path", corpus.string()}, {"held_out", 2}}};
  settings.frames = 8;
  settings.batch = 2;
  return settings;
}

}  // namespace fluvox::support
