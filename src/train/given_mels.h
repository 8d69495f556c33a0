// Mels that an acoustic model made of the corpus (teacher-forced), to train on in place of those of
// the audio: the vocoder then hears in training what it will hear in synthesis.
//
// The mel of a recording a/b/NAME.wav is FOLDER/NAME.npy, in the model's convention or in one that
// its sidecar names (mel/mel_file.h). It must have floor(n / hop) frames for n samples, or one more
// or less; of both, what they have in common is used. A recording whose mel does not fit is
// rejected with the reason; one that has none keeps its own.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "mel/mel.h"
#include "train/corpus.h"

namespace fluvox::train {

struct GivenMels {
  std::vector<std::optional<mel::Mel>> clips, held_out;  // of each clip of the corpus

  const mel::Mel* of_clip(size_t i) const { return find(clips, i); }
  const mel::Mel* of_held_out(size_t i) const { return find(held_out, i); }

 private:
  static const mel::Mel* find(const std::vector<std::optional<mel::Mel>>& list, size_t i) {
    return i < list.size() && list[i] ? &*list[i] : nullptr;
  }
};

// Takes clips whose mel does not fit out of the corpus, into its list of rejected ones. An error
// where no recording has a mel in the folder.
GivenMels read_given_mels(const std::filesystem::path& folder, const mel::Convention& convention,
                          Corpus& corpus);

// Frames that a clip and its mel have in common.
inline int frames_of(const Clip& clip, int hop, const mel::Mel* given) {
  const int in_clip = static_cast<int>(clip.samples.size()) / hop;
  return given ? std::min(in_clip, given->frames) : in_clip;
}

}  // namespace fluvox::train
