#include "corpus/manifest.h"

#include <span>
#include <sstream>

#include "audio/resample.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/strict_json.h"

namespace fs = std::filesystem;

namespace fluvox::corpus {
namespace {

constexpr size_t kMostBytes = size_t{1} << 30;

}  // namespace

bool names_manifest(const fs::path& path) { return path.extension() == ".jsonl"; }

std::vector<Entry> read_manifest(const fs::path& path) {
  std::istringstream lines(read_file(path, kMostBytes));
  lines.exceptions(std::ios::badbit);  // want of memory is not the end
  std::vector<Entry> entries;
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line == "\r") continue;
    const std::string where = text(path.string(), ":", number);
    auto entry = from_json<Entry>(parse_json(line, where), where);
    for (const auto& [name, missing] : {std::pair{"path", entry.path.empty()},
                                        {"name", entry.name.empty()},
                                        {"samples", entry.samples == 0},
                                        {"rate", entry.rate == 0}})
      if (missing)
        throw Error(Fault::input, "manifest-incomplete",
                    text(where, ": expected a \"", name, "\", found none"));
    if (entry.recording.empty()) entry.recording = entry.name;
    entry.path = (path.parent_path() / entry.path).lexically_normal().string();
    entries.push_back(std::move(entry));
  }
  if (entries.empty())
    throw Error(Fault::input, "manifest-empty",
                text(path.string(), ": expected clips, one a line, found none"));
  return entries;
}

void write_manifest(const fs::path& path, const std::vector<Entry>& entries) {
  const fs::path folder = fs::absolute(path).parent_path().lexically_normal();
  std::string lines;
  for (Entry entry : entries) {
    const fs::path file = fs::absolute(entry.path).lexically_normal();
    const fs::path inside = file.lexically_relative(folder);
    entry.path = inside.empty() || *inside.begin() == ".." ? file.string() : inside.string();
    lines += to_json(entry).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  write_file_atomically(path, lines);
}

std::vector<float> Reader::read_at(const Entry& entry, int rate) {
  if (entry.path != path_) {
    path_.clear();
    sound_ = audio::read_sound(entry.path);
    path_ = entry.path;
  }
  const auto length = static_cast<int64_t>(sound_.samples.size());
  std::span<const float> clip = sound_.samples;
  if (entry.rate > 0) {
    if (sound_.rate != entry.rate || entry.samples > length || entry.first > length - entry.samples)
      throw Error(Fault::input, "manifest-outdated",
                  text(entry.path, ": expected samples ", entry.first, " to ",
                       entry.first + entry.samples, " at ", entry.rate, " Hz, found ", length,
                       " at ", sound_.rate, " Hz: the file changed; run fluvox prepare again"));
    clip = clip.subspan(static_cast<size_t>(entry.first), static_cast<size_t>(entry.samples));
  }
  if (rate > 0 && rate != sound_.rate) return audio::resample(clip, sound_.rate, rate);
  return {clip.begin(), clip.end()};
}

}  // namespace fluvox::corpus
