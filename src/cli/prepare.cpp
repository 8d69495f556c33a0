// fluvox prepare: a corpus as people have it, checked file by file, to a manifest to train on.
#include "corpus/prepare.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "core/error.h"
#include "core/log.h"
#include "core/output.h"
#include "corpus/lines.h"

namespace fluvox::cli {
namespace {

struct PrepareFlags : Flags {
  std::string corpus, kind = "auto", held_out_list;
  corpus::Settings settings;
};

std::string summary(const corpus::Prepared& done, const corpus::Listing& listing) {
  size_t held_out = 0;
  for (const corpus::Entry& entry : done.entries) held_out += entry.split == "held-out";
  char minutes[32];
  std::snprintf(minutes, sizeof minutes, "%.1f minutes", done.seconds() / 60);
  std::string sentence = text(listing.kind, ": ", done.entries.size(), " clips, ", minutes, "; ",
                              held_out, " held out, ", done.rejected.size(), " rejected");
  std::string reasons;
  for (const auto& [code, count] : done.reasons())
    reasons += text(reasons.empty() ? "" : ", ", count, " ", code);
  return reasons.empty() ? sentence : sentence + " (" + reasons + ")";
}

// Clips written among the recordings would be recordings of the next run.
void refuse_inside(const std::string& folder, const std::string& corpus) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const fs::path inside =
      fs::weakly_canonical(folder, failed).lexically_relative(fs::weakly_canonical(corpus, failed));
  if (!failed && !inside.empty() && *inside.begin() != "..")
    throw Error(Fault::usage, "folder-in-corpus",
                text("-d ", folder, " lies in the corpus ", corpus,
                     ", where its clips would count as recordings: give another folder"));
}

int run(const PrepareFlags& flags) {
  if (flags.folder.empty())
    throw Error(Fault::usage, "usage", "expected a folder for the manifest: -d FOLDER");
  corpus::Settings settings = flags.settings;
  if (settings.changes()) refuse_inside(flags.folder, flags.corpus);
  settings.seed = flags.seed;
  if (!flags.held_out_list.empty()) settings.listed = corpus::lines_of(flags.held_out_list);
  const corpus::Listing listing = corpus::list_corpus(flags.corpus, flags.kind);
  const corpus::Prepared done =
      corpus::prepare(listing, settings, flags.folder, flags.threads, progress_mode(flags));
  constexpr size_t kShown = 10;  // all of them are in rejected.jsonl
  for (size_t i = 0; i < done.rejected.size() && i < kShown; ++i)
    warn("rejected: " + done.rejected[i].reason);
  if (done.rejected.size() > kShown)
    warn(text("and ", done.rejected.size() - kShown, " more: see ",
              (std::filesystem::path(flags.folder) / "rejected.jsonl").string()));
  for (const std::string& name : done.not_found)
    warn(text("to be held out, but not there: ", name));
  if (done.limited > 0)
    warn(text(done.limited, " clips would have clipped: their peak is at full scale instead"));
  if (done.known > 0) info(text(done.known, " files were known from an earlier run"));
  info(summary(done, listing));
  if (flags.json) {
    size_t held_out = 0;
    for (const corpus::Entry& entry : done.entries) held_out += entry.split == "held-out";
    const Json result = {{"output", done.manifest.string()}, {"kind", listing.kind},
                         {"clips", done.entries.size()},     {"held_out", held_out},
                         {"seconds", done.seconds()},        {"known", done.known},
                         {"limited", done.limited},          {"rejected", done.reasons()}};
    write_stdout(result.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    write_stdout(done.manifest.string() + "\n");
  }
  return 0;
}

}  // namespace

void add_prepare(Program& program) {
  CLI::App& command = program.command(
      "prepare", "a speech corpus to a manifest to train on",
      "  fluvox prepare LJSpeech-1.1 -d corpora/lj --held-out 100\n"
      "  fluvox prepare LibriTTS/train-clean-100 -d corpora/libritts --rate 22050 --held-out 10 "
      "--by speaker\n"
      "  fluvox prepare recordings -d corpora/mine --trim --split 12 --normalize lufs:-23\n"
      "  fluvox train --set 'corpora=[{path=\"corpora/lj/manifest.jsonl\"}]' -d runs/lj\n\n"
      "Every file is read and checked; what cannot be used stands in rejected.jsonl with the\n"
      "reason. Without --rate, --trim, --split and --normalize the manifest points at the\n"
      "originals, with them at clips written beside it. Safe to run again. See docs/corpora.md.");
  const auto flags = std::make_shared<PrepareFlags>();
  flags->seed = 1;
  corpus::Settings& s = flags->settings;
  command.add_option("corpus", flags->corpus, "a folder, or a list of recordings")
      ->type_name("PATH")
      ->required();
  folder_flag(command, *flags, "where manifest.jsonl, rejected.jsonl and clips go");
  command.add_option("--kind", flags->kind, "of corpus: found by itself, or its name")
      ->type_name("NAME")
      ->check(CLI::IsMember(corpus::kinds()))
      ->capture_default_str();
  command.add_option("--rate", s.rate, "resample to this rate; files of a lower one are rejected")
      ->type_name("HZ")
      ->check(CLI::Range(1000, 768000).description(""));
  command.add_flag("--upsample", s.upsample, "take files of a lower rate than --rate too");
  command.add_flag("--trim", s.trim, "take silence off both ends");
  command.add_option("--split", s.split, "cut what is longer than this at pauses")
      ->type_name("SECONDS")
      ->check(CLI::Range(1.0, 3600.0).description(""));
  command.add_option("--normalize", s.normalize, "level of every clip: none, peak or lufs:N")
      ->type_name("HOW")
      ->capture_default_str();
  command.add_option("--format", s.format, "of the clips that are written: flac or wav")
      ->type_name("NAME")
      ->check(CLI::IsMember({"flac", "wav"}))
      ->capture_default_str();
  command.add_option("--least", s.least_seconds, "shorter recordings are rejected")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 3600.0).description(""))
      ->capture_default_str();
  command
      .add_option("--most-clipped", s.most_clipped,
                  "recordings with a larger share of clipped samples are rejected")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->capture_default_str();
  command
      .add_option("--held-out", s.held_out,
                  "how many clips or speakers to hold out, by the hash of their names; 0 leaves "
                  "that to training")
      ->type_name("N")
      ->check(CLI::Range(0, 1000000).description(""))
      ->capture_default_str();
  command.add_option("--by", s.by, "what is held out: clip or speaker")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"clip", "speaker"}))
      ->capture_default_str();
  command.add_option("--held-out-list", flags->held_out_list, "hold out the names in this file")
      ->type_name("FILE");
  command.add_option("--seed", flags->seed, "of the choice of what is held out")
      ->type_name("N")
      ->capture_default_str();
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
