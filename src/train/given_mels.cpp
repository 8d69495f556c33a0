#include "train/given_mels.h"

#include <cstdlib>

#include "core/error.h"
#include "mel/mel_file.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;

// The mel of a clip, or nothing where it has none; an error where that does not fit.
std::optional<mel::Mel> read_for(const Clip& clip, const fs::path& folder,
                                 const mel::Convention& c) {
  const fs::path path = folder / (clip.name + ".npy");
  if (!fs::exists(path)) return {};
  mel::Mel mel = mel::read_mel(path, c);
  const int frames = static_cast<int>(clip.samples.size()) / c.hop;
  if (std::abs(mel.frames - frames) > 1)
    throw Error(
        Fault::input, "mel-length",
        text(path.string(), ": expected ", frames, " frames (or one more or less) for ",
             clip.samples.size(), " samples with a hop of ", c.hop, ", found ", mel.frames));
  return mel;
}

}  // namespace

GivenMels read_given_mels(const fs::path& folder, const mel::Convention& convention,
                          Corpus& corpus) {
  if (!fs::is_directory(folder))
    throw Error(Fault::input, "mel-dir-missing",
                text("mel_dir: expected a folder of mels at ", folder.string(), ", found none"));
  GivenMels given;
  Corpus kept;
  kept.names = corpus.names;
  kept.rejected = corpus.rejected;
  size_t found = 0;
  const auto take = [&](Clip& clip, auto& mels, auto keep) {
    try {
      auto mel = read_for(clip, folder, convention);
      found += mel.has_value();
      mels.push_back(std::move(mel));
      keep(clip);
    } catch (const Error& error) {
      kept.rejected.push_back(error.what());
    }
  };
  for (size_t i = 0; i < corpus.clips.size(); ++i)
    take(corpus.clips[i], given.clips, [&](Clip& clip) {
      kept.clips.push_back(std::move(clip));
      kept.weights.push_back(corpus.weights[i]);
    });
  for (Clip& clip : corpus.held_out)
    take(clip, given.held_out, [&](Clip& one) { kept.held_out.push_back(std::move(one)); });
  corpus = std::move(kept);
  if (found == 0 || corpus.clips.empty())
    throw Error(Fault::input, "mel-dir-empty",
                text("mel_dir: expected mels named after the recordings (NAME.npy) in ",
                     folder.string(), ", found none that fits",
                     corpus.rejected.empty() ? "" : "; the last: " + corpus.rejected.back()));
  return given;
}

}  // namespace fluvox::train
