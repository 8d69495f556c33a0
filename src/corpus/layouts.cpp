#include "corpus/layouts.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "core/error.h"
#include "core/nearest.h"
#include "corpus/lines.h"
#include "corpus/split.h"

namespace fs = std::filesystem;

namespace fluvox::corpus {
namespace {

// What is said in a recording and by whom, by its id.
struct Words {
  std::string text, speaker = {};
};
using Table = std::map<std::string, Words>;

std::vector<fs::path> files_below(const fs::path& folder,
                                  const std::function<bool(const fs::path&)>& wanted) {
  std::vector<fs::path> files;
  const auto options = fs::directory_options::skip_permission_denied;
  for (const auto& entry : fs::recursive_directory_iterator(folder, options)) {
    std::error_code ignored;
    if (entry.is_regular_file(ignored) && wanted(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool is_sound(const fs::path& path) {
  static const std::set<std::string> endings = {".wav", ".flac", ".ogg", ".opus", ".mp3"};
  std::string ending = path.extension();
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return endings.count(ending) > 0;
}

bool ends_with(const std::string& name, const std::string& end) { return name.ends_with(end); }

bool is_transcript(const fs::path& path) {
  const std::string name = path.filename();
  return ends_with(name, ".trans.tsv") || ends_with(name, ".trans.txt") ||
         ends_with(name, ".normalized.txt");
}

// One name for each: the stem, or where two files share it the path from the corpus on.
void name_sources(const fs::path& place, std::vector<Source>& sources) {
  std::map<std::string, int> count;
  for (const Source& source : sources) ++count[source.name];
  for (Source& source : sources) {
    if (count[source.name] == 1) continue;
    std::string name = source.path.lexically_relative(place).replace_extension("").string();
    std::replace(name.begin(), name.end(), '/', '_');
    source.name = name;
  }
}

// The files with what the table says of them; ids without a file are rejected.
Listing joined(const fs::path& place, const std::vector<fs::path>& files, const Table& table,
               const std::function<std::string(const fs::path&)>& id_of,
               const std::function<std::string(const fs::path&)>& speaker_of) {
  Listing listing;
  std::set<std::string> found;
  for (const fs::path& file : files) {
    Source source{file, file.stem(), speaker_of(file)};
    const auto words = table.find(id_of(file));
    if (words != table.end()) {
      source.text = words->second.text;
      if (!words->second.speaker.empty()) source.speaker = words->second.speaker;
      found.insert(words->first);
    }
    listing.sources.push_back(std::move(source));
  }
  for (const auto& [id, words] : table)
    if (!found.count(id))
      listing.rejected.push_back(
          {id, "recording-missing",
           text("expected a recording of ", id, " in ", place.string(), ", found none")});
  name_sources(place, listing.sources);
  return listing;
}

std::string stem_of(const fs::path& file) { return file.stem(); }
std::string speaker_by_name(const fs::path& file) { return speaker_in(file.stem()); }

Listing list_folder(const fs::path& place) {
  return joined(place, files_below(place, is_sound), {}, stem_of, speaker_by_name);
}

Listing list_ljspeech(const fs::path& place) {
  Table table;
  for (const std::string& line : lines_of(place / "metadata.csv")) {
    const auto parts = split_at(line, '|');
    if (parts.size() >= 4)
      table.emplace(parts[0], Words{parts[2], parts[1]});
    else
      table.emplace(parts[0], Words{parts.back() == parts[0] ? "" : parts.back()});
  }
  return joined(place, files_below(place, is_sound), table, stem_of, speaker_by_name);
}

Listing list_libritts(const fs::path& place) {
  Table table;
  const auto sounds = files_below(place, is_sound);
  std::set<std::string> whole;  // transcripts of one recording each: the later word
  for (const fs::path& file : files_below(place, is_transcript)) {
    const std::string name = file.filename();
    if (ends_with(name, ".normalized.txt")) {
      const std::string id = name.substr(0, name.size() - std::string(".normalized.txt").size());
      for (const std::string& line : lines_of(file)) table.emplace(id, Words{line});
      continue;
    }
    const bool tabs = ends_with(name, ".tsv");
    for (const std::string& line : lines_of(file)) {
      const auto parts = tabs ? split_at(line, '\t') : split_once(line, ' ');
      if (parts.size() > 1) table[parts[0]] = {parts.back()};
    }
  }
  return joined(place, sounds, table, stem_of, [](const fs::path& file) {
    return file.parent_path().parent_path().filename().string();
  });
}

Listing list_vctk(const fs::path& place) {
  const auto id_of = [](const fs::path& file) {
    const std::string name = file.stem();
    return ends_with(name, "_mic1") ? name.substr(0, name.size() - 5) : name;
  };
  fs::path sounds;
  for (const char* name : {"wav48_silence_trimmed", "wav48"})
    if (sounds.empty() && fs::is_directory(place / name)) sounds = place / name;
  const auto files = files_below(sounds, [](const fs::path& path) {
    return is_sound(path) && !ends_with(path.stem(), "_mic2");
  });
  Table table;
  if (fs::is_directory(place / "txt"))
    for (const fs::path& file : files_below(
             place / "txt", [](const fs::path& path) { return path.extension() == ".txt"; }))
      for (const std::string& line : lines_of(file)) table.emplace(file.stem(), Words{line});
  return joined(place, files, table, id_of,
                [](const fs::path& file) { return file.parent_path().filename().string(); });
}

bool holds_jsut(const fs::path& folder) {
  return fs::is_directory(folder / "wav") &&
         (fs::exists(folder / "transcript_utf8.txt") || fs::is_directory(folder / "lab"));
}

// The folder itself, or those in it.
std::vector<fs::path> jsut_subsets(const fs::path& place) {
  if (holds_jsut(place)) return {place};
  std::vector<fs::path> subsets;
  for (const auto& entry : fs::directory_iterator(place))
    if (entry.is_directory() && holds_jsut(entry.path())) subsets.push_back(entry.path());
  std::sort(subsets.begin(), subsets.end());
  return subsets;
}

// "0 3125000 xx^xx-sil+m=i/A:..." in each line, of which the phone stands between - and +.
std::string phones_of(const fs::path& lab) {
  std::string phones;
  for (const std::string& line : lines_of(lab)) {
    std::string label = line.substr(line.rfind(' ') + 1);
    const size_t minus = label.find('-'), plus = label.find('+', minus);
    if (minus != label.npos && plus != label.npos)
      label = label.substr(minus + 1, plus - minus - 1);
    phones += (phones.empty() ? "" : " ") + label;
  }
  return phones;
}

Listing list_jsut(const fs::path& place) {
  Listing all;
  for (const fs::path& subset : jsut_subsets(place)) {
    Table table;
    if (fs::exists(subset / "transcript_utf8.txt")) {
      for (const std::string& line : lines_of(subset / "transcript_utf8.txt")) {
        const auto parts = split_once(line, ':');
        if (parts.size() > 1) table.emplace(parts[0], Words{parts[1]});
      }
    } else {
      for (const fs::path& lab : files_below(
               subset / "lab", [](const fs::path& path) { return path.extension() == ".lab"; }))
        table.emplace(lab.stem(), Words{phones_of(lab)});
    }
    Listing one = joined(subset, files_below(subset / "wav", is_sound), table, stem_of,
                         [](const fs::path&) { return "jsut"; });
    all.sources.insert(all.sources.end(), one.sources.begin(), one.sources.end());
    all.rejected.insert(all.rejected.end(), one.rejected.begin(), one.rejected.end());
  }
  name_sources(place, all.sources);
  return all;
}

std::map<std::string, std::string> kaldi_table(const fs::path& file) {
  std::map<std::string, std::string> table;
  if (!fs::exists(file)) return table;
  for (const std::string& line : lines_of(file)) {
    const auto parts = split_once(line, ' ');
    table.emplace(parts[0], parts.size() > 1 ? parts[1] : "");
  }
  return table;
}

// A whole number of seconds or a fraction, nothing else.
std::optional<double> seconds_in(const std::string& word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) return {};
  return value;
}

Listing list_kaldi(const fs::path& place) {
  Listing listing;
  std::map<std::string, fs::path> recordings;
  for (const auto& [id, given] : kaldi_table(place / "wav.scp")) {
    if (given.find('|') != given.npos) {
      listing.rejected.push_back(
          {id, "kaldi-pipe",
           text("wav.scp: expected the path of a file for ", id, ", found the command '",
                given.substr(0, 80), "', which is not run; write its result to a file")});
    } else if (std::error_code ignored; fs::exists(given, ignored)) {
      recordings[id] = given;
    } else {
      recordings[id] = place / given;
    }
  }
  auto texts = kaldi_table(place / "text"), speakers = kaldi_table(place / "utt2spk");
  const auto add = [&](const std::string& id, const fs::path& path, double begin,
                       std::optional<double> end) {
    std::string name = id;
    std::replace(name.begin(), name.end(), '/', '_');
    listing.sources.push_back({path, name, speakers[id], texts[id], begin, end});
  };
  if (!fs::exists(place / "segments")) {
    for (const auto& [id, path] : recordings) add(id, path, 0, {});
    return listing;
  }
  for (const std::string& line : lines_of(place / "segments")) {
    const auto words = split_words(line);
    const auto refuse = [&](const std::string& code, const std::string& reason) {
      listing.rejected.push_back({words.empty() ? line : words[0], code, "segments: " + reason});
    };
    const auto begin = words.size() == 4 ? seconds_in(words[2]) : std::nullopt,
               end = words.size() == 4 ? seconds_in(words[3]) : std::nullopt;
    if (!begin || !end || *begin < 0 || (*end >= 0 && *end <= *begin)) {
      refuse("kaldi-segment",
             text("expected 'utterance recording begin end', found '", line.substr(0, 80), "'"));
    } else if (const auto found = recordings.find(words[1]); found == recordings.end()) {
      refuse("recording-missing",
             text("expected a recording ", words[1], " in wav.scp, found none to take"));
    } else {
      // Kaldi writes -1 for "to the end".
      add(words[0], found->second, *begin, *end < 0 ? std::nullopt : end);
    }
  }
  std::stable_sort(listing.sources.begin(), listing.sources.end(),
                   [](const Source& a, const Source& b) {
                     return std::tie(a.path, a.begin) < std::tie(b.path, b.begin);
                   });
  return listing;
}

Listing list_lines(const fs::path& place) {
  Listing listing;
  for (const std::string& line : lines_of(place)) {
    const auto parts = split_at(line, '|');
    std::error_code ignored;
    const fs::path beside = place.parent_path() / parts[0];
    const fs::path path = fs::exists(beside, ignored) ? beside : fs::path(parts[0]);
    Source source{path, path.stem(), speaker_in(path.stem())};
    if (parts.size() > 1) source.text = parts[1];
    if (parts.size() > 2) source.speaker = parts[2];
    listing.sources.push_back(std::move(source));
  }
  name_sources(place.parent_path(), listing.sources);
  return listing;
}

struct Layout {
  std::string name, expected;
  bool (*there)(const fs::path&);
  Listing (*list)(const fs::path&);
};

// In the order in which they are looked for.
const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {
      {"list", "a file with a path a line",
       [](const fs::path& p) { return fs::exists(p) && !fs::is_directory(p); }, list_lines},
      {"kaldi", "a folder with wav.scp",
       [](const fs::path& p) { return fs::exists(p / "wav.scp"); }, list_kaldi},
      {"ljspeech", "a folder with metadata.csv",
       [](const fs::path& p) { return fs::exists(p / "metadata.csv"); }, list_ljspeech},
      {"vctk", "a folder with wav48_silence_trimmed or wav48",
       [](const fs::path& p) {
         return fs::is_directory(p / "wav48_silence_trimmed") || fs::is_directory(p / "wav48");
       },
       list_vctk},
      {"jsut", "folders with wav and transcript_utf8.txt or lab",
       [](const fs::path& p) { return fs::is_directory(p) && !jsut_subsets(p).empty(); },
       list_jsut},
      {"libritts", "a folder with *.trans.tsv, *.trans.txt or *.normalized.txt below it",
       [](const fs::path& p) {
         return fs::is_directory(p) && !files_below(p, is_transcript).empty();
       },
       list_libritts},
      {"folder", "a folder", [](const fs::path& p) { return fs::is_directory(p); }, list_folder},
  };
  return all;
}

[[noreturn]] void refuse_place(const fs::path& place, const std::string& expected) {
  throw Error(Fault::input, "corpus-missing",
              text("corpus: expected ", expected, " at ", place.string(), ", found none"));
}

const Layout& layout_for(const fs::path& place, const std::string& kind) {
  for (const Layout& layout : layouts())
    if (kind == layout.name || (kind == "auto" && layout.there(place))) {
      if (!layout.there(place)) refuse_place(place, layout.expected);
      return layout;
    }
  if (kind == "auto") refuse_place(place, "a folder or a list of recordings");
  throw Error(Fault::usage, "corpus-kind",
              text("expected a kind of corpus, found '", kind, "'", did_you_mean(kind, kinds())));
}

// A name becomes a file's: no path, nothing hidden, nothing twice.
void keep_good_names(Listing& listing) {
  std::set<std::string> taken;
  std::vector<Source> good;
  for (Source& source : listing.sources) {
    if (source.name.empty() || source.name.front() == '.' ||
        source.name.find_first_of(std::string("/\0", 2)) != source.name.npos)
      listing.rejected.push_back({source.path, "name-unusable",
                                  text("expected a name for a file, found '", source.name, "'")});
    else if (!taken.insert(source.name).second)
      listing.rejected.push_back({source.path, "name-taken",
                                  text("another recording is called ", source.name, " already")});
    else
      good.push_back(std::move(source));
  }
  listing.sources = std::move(good);
}

}  // namespace

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"auto"};
    for (const Layout& layout : layouts()) all.push_back(layout.name);
    return all;
  }();
  return names;
}

std::string kind_of(const fs::path& place) { return layout_for(place, "auto").name; }

Listing list_corpus(const fs::path& place, const std::string& kind) {
  try {
    const Layout& layout = layout_for(place, kind);
    Listing listing = layout.list(place);
    listing.kind = layout.name;
    keep_good_names(listing);
    return listing;
  } catch (const fs::filesystem_error& error) {
    throw Error(Fault::io, "folder-unreadable",
                text("cannot look through ", place.string(), ": ", error.code().message()));
  }
}

}  // namespace fluvox::corpus
