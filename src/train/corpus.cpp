#include "train/corpus.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "audio/resample.h"
#include "audio/sound_file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/signals.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> sound_files(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw Error(Fault::input, "corpus-missing",
                text("corpus: expected a folder of sound files at ", folder, ", found none"));
  static const std::set<std::string> endings = {".wav", ".flac", ".ogg", ".opus", ".mp3"};
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && endings.count(entry.path().extension()))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string group_of(const std::string& name, const CorpusSettings& corpus) {
  return corpus.by == "speaker" ? name.substr(0, name.find("__")) : name;
}

// The groups whose hash with the seed comes first.
std::set<std::string> held_out_groups(const std::vector<fs::path>& files,
                                      const CorpusSettings& corpus, uint64_t seed) {
  std::map<std::string, std::string> by_hash;
  for (const fs::path& file : files) {
    const std::string group = group_of(file.stem(), corpus), key = text(seed, ":", group);
    by_hash[sha256_hex(std::as_bytes(std::span(key)))] = group;
  }
  std::set<std::string> groups;
  for (const auto& [hash, group] : by_hash)
    if (groups.size() < static_cast<size_t>(corpus.held_out)) groups.insert(group);
  return groups;
}

std::vector<int16_t> to_s16(std::span<const float> samples) {
  std::vector<int16_t> result;
  result.reserve(samples.size());
  for (float x : samples) result.push_back(static_cast<int16_t>(audio::round_to_bits(x, 16)));
  return result;
}

bool silent(const std::vector<int16_t>& samples) {
  double power = 0;
  for (int16_t x : samples) power += static_cast<double>(x) * x;
  return std::sqrt(power / static_cast<double>(samples.size())) < 3;  // 1e-4 of full scale
}

}  // namespace

Corpus read_corpus(const TrainSettings& settings, int rate, size_t least, ProgressMode mode) {
  Corpus corpus;
  std::vector<CorpusSettings> folders;
  std::vector<std::vector<fs::path>> files;
  size_t total = 0, done = 0;
  for (size_t i = 0; i < settings.corpora.size(); ++i) {
    folders.push_back(from_json<CorpusSettings>(settings.corpora[i], text("corpora.", i)));
    files.push_back(sound_files(folders.back().path));
    total += files.back().size();
  }
  Progress progress("read corpus", static_cast<double>(total), "files", mode);
  for (size_t i = 0; i < folders.size(); ++i) {
    const auto held_out = held_out_groups(files[i], folders[i], settings.seed);
    const fs::path folder = fs::path(folders[i].path).lexically_normal();
    corpus.names.push_back(folder.has_filename() ? folder.filename()
                                                 : folder.parent_path().filename());
    for (const fs::path& file : files[i]) {
      throw_if_interrupted();
      progress.update(static_cast<double>(done++));
      try {
        const auto sound = audio::read_sound(file, rate);
        Clip clip{file.stem(), to_s16(sound.samples), static_cast<int>(i)};
        if (clip.samples.size() < least || silent(clip.samples)) {
          corpus.rejected.push_back(
              text(file.string(), ": ",
                   clip.samples.size() < least ? "shorter than a segment" : "silent"));
        } else if (held_out.count(group_of(clip.name, folders[i]))) {
          corpus.held_out.push_back(std::move(clip));
        } else {
          for (double speed : settings.speeds) {
            const int faster = static_cast<int>(std::lround(rate * speed));
            Clip copy{
                clip.name,
                speed == 1.0 ? clip.samples : to_s16(audio::resample(sound.samples, faster, rate)),
                clip.corpus};
            if (copy.samples.size() < least) continue;
            corpus.weights.push_back(folders[i].weight * static_cast<double>(copy.samples.size()));
            corpus.clips.push_back(std::move(copy));
          }
        }
      } catch (const Error& error) {
        corpus.rejected.push_back(error.what());
      }
    }
  }
  progress.finish(text(corpus.clips.size(), " to train on, ", corpus.held_out.size(), " held out, ",
                       corpus.rejected.size(), " rejected"));
  if (corpus.clips.empty())
    throw Error(
        Fault::input, "corpus-empty",
        text(
            "expected clips to train on in ", folders.size(), " folders, found none usable",
            corpus.rejected.empty() ? "" : "; the first was rejected: " + corpus.rejected.front()));
  return corpus;
}

}  // namespace fluvox::train
