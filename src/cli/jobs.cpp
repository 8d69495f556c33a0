#include "cli/jobs.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <sstream>

#include "core/atomic_file.h"
#include "core/config.h"
#include "core/error.h"
#include "core/strict_json.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

constexpr size_t kMostListBytes = size_t{256} << 20;
constexpr double kHighestSigma = 10;  // as for --sigma

[[noreturn]] void refuse(const std::string& what) { throw Error(Fault::usage, "usage", what); }

struct JobLine {
  std::string input, output;
  uint64_t seed = 0;
  double sigma = 0;
};

template <class Visitor>
void fields(Visitor& v, JobLine& line) {
  v("input", line.input, "the mel file or recording");
  v("output", line.output, "the sound file; NAME.wav of the input when not given");
  v("seed", line.seed, "of the noise; that of the flag when not given");
  v("sigma", line.sigma, "scale of the noise; that of the flag when not given",
    Range{0, kHighestSigma});
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

// Sound and mel files as they are commonly named; what else lies in a folder is passed over.
bool renders(const fs::path& path) {
  static const std::set<std::string> endings = {".npy",  ".pt",  ".wav", ".flac",
                                                ".opus", ".ogg", ".mp3"};
  std::string ending = path.extension();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return endings.count(ending) > 0;
}

bool hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

// Where an output is, whatever its path goes through: links, dots, the current folder.
class RealPlaces {
 public:
  fs::path operator()(const fs::path& path) {
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const auto [known, fresh] = folders_.emplace(folder, fs::path());
    if (fresh) {
      std::error_code failed;
      known->second = fs::weakly_canonical(folder, failed);
      if (failed) known->second = folder;
    }
    return known->second / path.filename();
  }

 private:
  std::map<fs::path, fs::path> folders_;
};

class Gatherer {
 public:
  explicit Gatherer(const Flags& flags) : flags_(flags) {}

  std::vector<Job> jobs() {
    for (const std::string& input : flags_.inputs) add(input);
    if (!flags_.list.empty()) add_list();
    if (jobs_.empty()) refuse("expected at least one input, as an argument or in the list of -f");
    if (!flags_.output.empty() && jobs_.size() != 1)
      refuse(text("-o takes one input, found ", jobs_.size(), "; give -d FOLDER"));
    for (Job& job : jobs_) place(job);
    check_outputs();
    return std::move(jobs_);
  }

 private:
  void add(const std::string& input) {
    if (is_folder(input)) return search(input);
    jobs_.push_back({.input = input,
                     .output = fs::path(input).stem().concat(".wav"),
                     .seed = flags_.seed,
                     .sigma = flags_.sigma});
  }

  void search(const fs::path& folder) {
    if (!flags_.folder.empty() && same_file(folder, flags_.folder))
      refuse(text(folder.string(), " is searched for inputs, so results cannot go there: give ",
                  "another folder with -d"));
    std::vector<fs::path> found;
    try {
      for (auto at = fs::recursive_directory_iterator(folder);
           at != fs::recursive_directory_iterator(); ++at) {
        const bool barred = hidden(at->path()) || (!flags_.folder.empty() && at->is_directory() &&
                                                   same_file(at->path(), flags_.folder));
        if (barred && at->is_directory()) at.disable_recursion_pending();
        if (!barred && at->is_regular_file() && renders(at->path())) found.push_back(at->path());
      }
    } catch (const fs::filesystem_error& error) {
      throw Error(Fault::input, "folder-unreadable",
                  text("cannot search the folder ", folder.string(), ": ", error.what()));
    }
    if (found.empty())
      throw Error(
          Fault::input, "folder-empty",
          text("expected mel files or recordings in the folder ", folder.string(), ", found none"));
    std::sort(found.begin(), found.end(),
              [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
    for (const fs::path& path : found)
      jobs_.push_back({.input = path,
                       .output = path.lexically_relative(folder).replace_extension(".wav"),
                       .seed = flags_.seed,
                       .sigma = flags_.sigma});
  }

  void add_list() {
    const std::string name = flags_.list == "-" ? "stdin" : flags_.list;
    const std::string content =
        read_file(flags_.list == "-" ? "/dev/stdin" : flags_.list, kMostListBytes);
    const size_t first = content.find_first_not_of(" \t\r\n");
    const bool json = fs::path(flags_.list).extension() == ".jsonl" ||
                      (first != content.npos && content[first] == '{');
    std::istringstream lines(content);
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.find_first_not_of(json ? " \t" : "") == line.npos) continue;
      if (json)
        add_line(line, text(name, ", line ", number));
      else
        add(line);
    }
  }

  void add_line(const std::string& line, const std::string& where) {
    const Json json = parse_json(line, where);
    JobLine given;
    try {
      given = from_json<JobLine>(json, "job");
    } catch (const Error& error) {
      throw Error(error.fault(), error.code(), text(where, ": ", error.what()));
    }
    if (given.input.empty())
      throw Error(Fault::input, "job-without-input",
                  text(where, ": expected \"input\", the mel file or recording to render"));
    const bool named = !given.output.empty();
    if (named && !flags_.output.empty())
      refuse(text(where, " names its output: leave out -o, or that \"output\""));
    jobs_.push_back(
        {.input = given.input,
         .output = named ? fs::path(given.output) : fs::path(given.input).stem().concat(".wav"),
         .seed = json.contains("seed") ? given.seed : flags_.seed,
         .sigma = json.contains("sigma") ? given.sigma : flags_.sigma,
         .where = where,
         .makes_folder = named});
  }

  // From the output's place below -d to the output.
  void place(Job& job) const {
    if (!flags_.output.empty() && !flags_.folder.empty())
      refuse("expected one place to write to, found both -o and -d");
    if (!flags_.output.empty()) {
      job.output = flags_.output;
    } else if (!flags_.folder.empty()) {
      job.output = fs::path(flags_.folder) / job.output;
      job.makes_folder = true;
    } else if (!job.makes_folder) {
      refuse(text(job.where.empty() ? "" : job.where + ": ",
                  "expected where to write: either -o FILE for one input or -d FOLDER for any "
                  "number"));
    }
  }

  void check_outputs() const {
    RealPlaces real_place;
    std::map<fs::path, const Job*> inputs, outputs;
    for (const Job& job : jobs_) inputs.emplace(real_place(job.input), &job);
    for (const Job& job : jobs_) {
      const fs::path output = real_place(job.output);
      const auto [other, fresh] = outputs.emplace(output, &job);
      if (!fresh)
        refuse(text(named(*other->second), " and ", named(job), " would both be written to ",
                    job.output.string(), "; write them into different folders"));
      const auto overwritten = inputs.find(output);
      if (job.output != "-" && overwritten != inputs.end())
        refuse(text(overwritten->second->input, " would be overwritten by ",
                    overwritten->second == &job ? "its own result" : "the result of " + named(job),
                    "; give another folder"));
      if (same_file(job.input, job.output))
        refuse(text(job.input, " would be overwritten by its own result; give another folder"));
    }
  }

  static std::string named(const Job& job) {
    return job.where.empty() ? job.input : text(job.where, " (", job.input, ")");
  }

  const Flags& flags_;
  std::vector<Job> jobs_;
};

}  // namespace

std::vector<Job> gather_jobs(const Flags& flags) { return Gatherer(flags).jobs(); }

Shard Shard::parse(const std::string& given) {
  Shard shard;
  const char *at = given.data(), *const end = at + given.size();
  const auto index = std::from_chars(at, end, shard.index);
  bool good = index.ec == std::errc() && index.ptr != end && *index.ptr == '/';
  if (good) {
    const auto count = std::from_chars(index.ptr + 1, end, shard.count);
    good = count.ec == std::errc() && count.ptr == end;
  }
  if (!good || shard.index < 1 || shard.index > shard.count)
    throw Error(Fault::usage, "shard-invalid",
                text("--shard: expected I/N with I from 1 to N, such as 2/8, found '", given, "'"));
  return shard;
}

}  // namespace fluvox::cli
