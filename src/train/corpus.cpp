#include "train/corpus.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "audio/encoding.h"
#include "audio/resample.h"
#include "core/log.h"
#include "core/signals.h"
#include "corpus/manifest.h"
#include "corpus/split.h"

namespace fluvox::train {
namespace {

namespace fs = std::filesystem;

// A clip that is to be read: of a manifest, or a file of a folder.
struct Recording {
  std::string name, group;  // what is held out together
  std::string split = {};   // as the manifest says
  corpus::Entry entry = {};
};

std::vector<Recording> of_folder(const CorpusSettings& settings) {
  const fs::path folder = settings.path;
  if (!fs::is_directory(folder))
    throw Error(
        Fault::input, "corpus-missing",
        text("corpus: expected a manifest or a folder of sound files at ", folder, ", found none"));
  static const std::set<std::string> endings = {".wav", ".flac", ".ogg", ".opus", ".mp3"};
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && endings.count(entry.path().extension()))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Recording> recordings;
  for (const fs::path& file : files) {
    Recording one{file.stem(), file.stem()};
    if (const auto speaker = corpus::speaker_in(one.name);
        settings.by == "speaker" && !speaker.empty())
      one.group = speaker;
    one.entry.path = file;
    recordings.push_back(std::move(one));
  }
  return recordings;
}

std::vector<Recording> of_manifest(const CorpusSettings& settings) {
  std::vector<Recording> recordings;
  for (corpus::Entry& entry : corpus::read_manifest(settings.path)) {
    if (settings.by == "speaker" && entry.speaker.empty() && entry.split.empty())
      throw Error(Fault::input, "speaker-missing",
                  text(settings.path, ": expected the speaker of ", entry.name,
                       " to hold speakers out, found none"));
    const std::string group = settings.by == "speaker" ? entry.speaker : entry.recording;
    recordings.push_back({entry.name, group, entry.split, std::move(entry)});
  }
  return recordings;
}

// What the manifest says is held out; where it says nothing, the groups whose hash comes first.
void decide_split(std::vector<Recording>& recordings, const CorpusSettings& settings,
                  uint64_t seed) {
  std::set<std::string> groups;
  for (const Recording& one : recordings) {
    if (!one.split.empty()) return;
    groups.insert(one.group);
  }
  const auto chosen = corpus::held_out(groups, static_cast<size_t>(settings.held_out), seed);
  for (Recording& one : recordings) one.split = chosen.count(one.group) ? "held-out" : "train";
}

// The folder's last part; of a manifest, that of the folder it lies in.
std::string name_of(const CorpusSettings& settings) {
  const fs::path path = fs::path(settings.path).lexically_normal();
  const fs::path folder = corpus::names_manifest(path) ? fs::absolute(path).parent_path() : path;
  return folder.has_filename() ? folder.filename() : folder.parent_path().filename();
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
  std::vector<CorpusSettings> places;
  std::vector<std::vector<Recording>> recordings;
  size_t total = 0, done = 0;
  for (size_t i = 0; i < settings.corpora.size(); ++i) {
    places.push_back(from_json<CorpusSettings>(settings.corpora[i], text("corpora.", i)));
    const bool manifest = corpus::names_manifest(places[i].path);
    recordings.push_back(manifest ? of_manifest(places[i]) : of_folder(places[i]));
    decide_split(recordings[i], places[i], settings.seed);
    corpus.names.push_back(name_of(places[i]));
    total += recordings[i].size();
  }
  Progress progress("read corpus", static_cast<double>(total), "files", mode);
  corpus::Reader reader;
  for (size_t i = 0; i < places.size(); ++i) {
    for (const Recording& one : recordings[i]) {
      throw_if_interrupted();
      progress.update(static_cast<double>(done++));
      try {
        const auto samples = reader.read_at(one.entry, rate);
        Clip clip{one.name, to_s16(samples), static_cast<int>(i)};
        if (clip.samples.size() < least || silent(clip.samples)) {
          corpus.rejected.push_back(
              text(one.entry.path, ": ",
                   clip.samples.size() < least ? "shorter than a segment" : "silent"));
        } else if (one.split == "held-out") {
          corpus.held_out.push_back(std::move(clip));
        } else {
          for (double speed : settings.speeds) {
            const int faster = static_cast<int>(std::lround(rate * speed));
            Clip copy{clip.name,
                      speed == 1.0 ? clip.samples : to_s16(audio::resample(samples, faster, rate)),
                      clip.corpus};
            if (copy.samples.size() < least) continue;
            corpus.weights.push_back(places[i].weight * static_cast<double>(copy.samples.size()));
            corpus.clips.push_back(std::move(copy));
          }
        }
      } catch (const Error& error) {
        if (error.fault() == Fault::io) throw;  // of the disk, not of the clip
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
            "expected clips to train on in ", places.size(), " corpora, found none usable",
            corpus.rejected.empty() ? "" : "; the first was rejected: " + corpus.rejected.front()));
  return corpus;
}

}  // namespace fluvox::train
