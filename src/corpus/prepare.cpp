#include "corpus/prepare.h"

#include <algorithm>
#include <new>
#include <span>
#include <utility>

#include "audio/loudness.h"
#include "audio/resample.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/signals.h"
#include "core/threads.h"
#include "corpus/journal.h"
#include "corpus/pauses.h"
#include "corpus/split.h"

namespace fs = std::filesystem;

namespace fluvox::corpus {
namespace {

// The sources of one file, and what becomes of them.
struct Task {
  std::span<const Source> sources;
  std::string key;
  std::vector<Entry> entries;
  std::vector<Rejected> rejected;
  size_t limited = 0;
};

std::vector<Task> tasks_of(const std::vector<Source>& sources) {
  std::vector<Task> tasks;
  for (size_t first = 0; first < sources.size();) {
    size_t last = first + 1;
    while (last < sources.size() && sources[last].path == sources[first].path) ++last;
    tasks.push_back({std::span(sources).subspan(first, last - first), {}, {}, {}});
    first = last;
  }
  return tasks;
}

// All that the result of a file depends on, its content told by size and time.
std::string key_of(const Task& task, const Settings& s) {
  const fs::path& path = task.sources.front().path;
  std::error_code ignored;
  Json parts = {path.string(),
                fs::file_size(path, ignored),
                fs::last_write_time(path, ignored).time_since_epoch().count(),
                s.rate,
                s.upsample,
                s.trim,
                s.split,
                s.normalize,
                s.format,
                s.least_seconds,
                s.most_clipped};
  for (const Source& source : task.sources)
    parts.push_back({source.name, source.speaker, source.text, source.begin,
                     source.end ? Json(*source.end) : Json()});
  return sha256_hex(parts.dump(-1, ' ', false, Json::error_handler_t::replace));
}

class Preparer {
 public:
  Preparer(const Settings& settings, fs::path folder)
      : settings_(settings),
        folder_(std::move(folder)),
        normalization_(audio::Normalization::parse(settings.normalize)) {
    limits_.least_seconds = settings.least_seconds;
    limits_.most_clipped = settings.most_clipped;
    limits_.least_rate = settings.upsample ? 0 : settings.rate;
  }

  void work(Task& task) const {
    const std::string file = task.sources.front().path.string();
    try {
      if (Json(file).dump(-1, ' ', false, Json::error_handler_t::replace) !=
          Json(file).dump(-1, ' ', false, Json::error_handler_t::ignore))
        throw Error(Fault::input, "path-not-utf8",
                    text(file, ": expected a name in UTF-8, as a manifest can hold; rename it"));
      const audio::Sound sound = audio::read_sound(file);
      for (const Source& source : task.sources) one(source, sound, task);
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      task.rejected.push_back({file, error.code(), error.what()});
    } catch (const std::bad_alloc&) {
      task.rejected.push_back({file, "out-of-memory", file + ": not enough memory"});
    }
  }

 private:
  void one(const Source& source, const audio::Sound& sound, Task& task) const {
    const auto reject = [&](const std::string& name, const Finding& found) {
      task.rejected.push_back(
          {name, found.code, text(source.path.string(), ": ", name, ": ", found.reason)});
    };
    const auto length = static_cast<double>(sound.samples.size()) / sound.rate;
    constexpr double kBeyond = 0.1;  // seconds that a list may be wrong by
    if (source.begin >= length || source.end.value_or(0) > length + kBeyond)
      return reject(source.name, {"beyond-the-end",
                                  text("expected a part of its ", length, " s, found one from ",
                                       source.begin, " to ", source.end.value_or(length), " s")});
    const auto at = [&](double seconds) {
      return std::min(sound.samples.size(),
                      static_cast<size_t>(std::llround(seconds * sound.rate)));
    };
    const size_t first = at(source.begin),
                 last = source.end ? at(*source.end) : sound.samples.size();
    const auto part = std::span(sound.samples).subspan(first, last - first);
    if (const auto found = finding(part, sound.rate, limits_)) return reject(source.name, *found);
    Entry entry;
    entry.name = entry.recording = source.name;
    entry.speaker = source.speaker;
    entry.text = source.text;
    if (!settings_.changes()) {
      entry.path = source.path;
      entry.first = static_cast<int64_t>(first);
      entry.samples = static_cast<int64_t>(part.size());
      entry.rate = sound.rate;
      entry.loudness = audio::integrated_loudness(part, sound.rate);
      task.entries.push_back(std::move(entry));
      return;
    }
    const int rate = settings_.rate > 0 ? settings_.rate : sound.rate;
    const std::vector<float> samples = rate == sound.rate
                                           ? std::vector<float>(part.begin(), part.end())
                                           : audio::resample(part, sound.rate, rate);
    std::vector<Piece> pieces = {{0, samples.size()}};
    if (settings_.split > 0) pieces = cut_at_pauses(samples, rate, settings_.split);
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (pieces.size() > 1) {
        char number[24];
        std::snprintf(number, sizeof number, "-%03zu", i + 1);
        entry.name = source.name + number;
        entry.text.clear();  // which words are in which piece is not known
      }
      auto piece = std::span(samples).subspan(pieces[i].first, pieces[i].size());
      if (settings_.trim) {
        const Piece heard = without_silence(piece, rate);
        piece = piece.subspan(heard.first, heard.size());
      }
      if (const auto found = finding(piece, rate, limits_)) {
        reject(entry.name, *found);
        continue;
      }
      write(piece, rate, entry, task);
    }
  }

  void write(std::span<const float> piece, int rate, Entry entry, Task& task) const {
    std::vector<float> clip(piece.begin(), piece.end());
    task.limited += audio::apply_normalization(clip, rate, normalization_).limited;
    const fs::path path = folder_ / "clips" / (entry.name + "." + settings_.format);
    audio::write_sound(path, clip, rate);
    entry.path = path;
    entry.first = 0;
    entry.samples = static_cast<int64_t>(clip.size());
    entry.rate = rate;
    entry.loudness = audio::integrated_loudness(clip, rate);
    task.entries.push_back(std::move(entry));
  }

  const Settings& settings_;
  fs::path folder_;
  audio::Normalization normalization_;
  Limits limits_;
};

Json to_json_of(const Task& task) {
  Json entries = Json::array(), rejected = Json::array();
  for (const Entry& entry : task.entries) entries.push_back(to_json(entry));
  for (const Rejected& r : task.rejected) rejected.push_back({r.what, r.code, r.reason});
  return {{"entries", entries}, {"rejected", rejected}, {"limited", task.limited}};
}

// Whether the journal's word was one, and the clips it speaks of are still there.
bool recall(const Json* known, Task& task) {
  if (!known) return false;
  Task found = task;
  try {
    for (const Json& entry : known->at("entries")) {
      found.entries.push_back(from_json<Entry>(entry, "entry"));
      if (!fs::exists(found.entries.back().path)) return false;
    }
    for (const Json& r : known->at("rejected"))
      found.rejected.push_back({r.at(0), r.at(1), r.at(2)});
    found.limited = known->at("limited");
  } catch (const Error&) {
    return false;
  } catch (const Json::exception&) {
    return false;
  }
  task = std::move(found);
  return true;
}

// Marks what is held out of the entries, pieces of one recording together.
void mark_held_out(Prepared& done, const Settings& settings) {
  if (settings.held_out == 0 && settings.listed.empty()) return;
  const auto group = [&](const Entry& e) {
    return settings.by == "speaker" ? e.speaker : e.recording;
  };
  std::set<std::string> groups, chosen(settings.listed.begin(), settings.listed.end());
  for (const Entry& entry : done.entries) {
    if (group(entry).empty())
      throw Error(Fault::input, "speaker-unknown",
                  text("expected to know who speaks in ", entry.name,
                       ", to hold speakers out: hold clips out instead"));
    groups.insert(group(entry));
  }
  if (settings.listed.empty())
    chosen = held_out(groups, static_cast<size_t>(settings.held_out), settings.seed);
  for (const std::string& name : settings.listed)
    if (!groups.count(name)) done.not_found.push_back(name);
  size_t kept = 0;
  for (Entry& entry : done.entries) {
    entry.split = chosen.count(group(entry)) ? "held-out" : "train";
    kept += entry.split == "train";
  }
  if (kept == 0)
    throw Error(Fault::input, "corpus-held-out",
                text("all of the ", groups.size(), " ", settings.by,
                     "s would be held out, and none is left to train on: hold out fewer"));
}

void write_rejected(const fs::path& path, const std::vector<Rejected>& rejected) {
  std::string lines;
  for (const Rejected& r : rejected)
    lines += Json{{"input", r.what}, {"code", r.code}, {"reason", r.reason}}.dump(
                 -1, ' ', false, Json::error_handler_t::replace) +
             "\n";
  write_file_atomically(path, lines);
}

}  // namespace

double Prepared::seconds() const {
  double sum = 0;
  for (const Entry& entry : entries) sum += entry.seconds();
  return sum;
}

std::map<std::string, size_t> Prepared::reasons() const {
  std::map<std::string, size_t> count;
  for (const Rejected& r : rejected) ++count[r.code];
  return count;
}

Prepared prepare(const Listing& listing, const Settings& settings, const fs::path& folder,
                 int threads, ProgressMode mode) {
  const Preparer preparer(settings, fs::absolute(folder).lexically_normal());
  make_folder(settings.changes() ? folder / "clips" : folder);
  Journal journal(folder / ".prepared.jsonl");
  std::vector<Task> tasks = tasks_of(listing.sources);
  Prepared done;
  std::vector<Task*> open;
  for (Task& task : tasks) {
    task.key = key_of(task, settings);
    if (recall(journal.find(task.key), task))
      ++done.known;
    else
      open.push_back(&task);
  }
  Progress progress("prepare", static_cast<double>(tasks.size()), "files", mode);
  progress.resume_from(static_cast<double>(done.known));
  Threads pool(threads);
  const size_t at_once = static_cast<size_t>(pool.size()) * 4;
  for (size_t first = 0; first < open.size(); first += at_once) {
    throw_if_interrupted();
    const size_t count = std::min(at_once, open.size() - first);
    pool.run(static_cast<int>(count),
             [&](int i) { preparer.work(*open[first + static_cast<size_t>(i)]); });
    for (size_t i = first; i < first + count; ++i) journal.add(open[i]->key, to_json_of(*open[i]));
    progress.update(static_cast<double>(done.known + first + count));
  }
  done.rejected = listing.rejected;
  for (const Task& task : tasks) {
    done.entries.insert(done.entries.end(), task.entries.begin(), task.entries.end());
    done.rejected.insert(done.rejected.end(), task.rejected.begin(), task.rejected.end());
    done.limited += task.limited;
  }
  progress.finish(text(done.entries.size(), " clips, ", done.rejected.size(), " rejected"));
  write_rejected(folder / "rejected.jsonl", done.rejected);
  if (done.entries.empty())
    throw Error(Fault::input, "corpus-empty",
                text("expected recordings to train on, found none usable",
                     done.rejected.empty()
                         ? std::string()
                         : text("; the first was rejected: ", done.rejected.front().reason)));
  mark_held_out(done, settings);
  done.manifest = folder / "manifest.jsonl";
  write_manifest(done.manifest, done.entries);
  return done;
}

}  // namespace fluvox::corpus
