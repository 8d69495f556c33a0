// fluvox-train: the commands that need LibTorch. `fluvox train ...` runs it.
#include <CLI/App.hpp>
#include <chrono>
#include <cmath>
#include <memory>

#include "cli/common.h"
#include "cli/program.h"
#include "core/cpu.h"
#include "core/log.h"
#include "core/output.h"
#include "core/toml.h"
#include "flow/model_file.h"
#include "fluvox_version.h"
#include "models/registry.h"
#include "train/device.h"
#include "train/trainer.h"

namespace fluvox::cli {
namespace {

struct TrainFlags : Flags {
  std::string config, init, mel_dir, prior, teacher;
  std::optional<double> prior_deviation;
  std::vector<std::string> set;
  bool resume = false, dry_run = false;
};

std::string help_of_settings() {
  std::string help = "\nSettings, in TOML or with --set, and their defaults:\n" +
                     describe_fields<train::TrainSettings>() + "\nEach of corpora:\n" +
                     describe_fields<train::CorpusSettings>();
  for (const auto& a : models::architectures())
    help += "\nsettings of " + a.name + " (" + a.summary + "):\n" + a.describe_settings();
  return help;
}

std::string told(const train::TrainSettings& settings, const train::Rehearsal& r) {
  return text("model ", settings.model, ", ", r.weights, " weights; clips: ", r.clip_seconds / 60,
              " minutes to train on, ", r.held_out_seconds / 60,
              " held out\nmemory: ", r.bytes >> 20, " MiB\ntime: ", r.seconds_a_step, " s a step, ",
              clock_text(r.seconds), " for the steps that remain, measurements not",
              " counted\nnothing was written\n");
}

Json told_as_json(const train::Rehearsal& r) {
  return {{"weights", r.weights},
          {"clip_seconds", r.clip_seconds},
          {"held_out_seconds", r.held_out_seconds},
          {"seconds_a_step", r.seconds_a_step},
          {"seconds", r.seconds},
          {"bytes", r.bytes},
          {"nats_per_sample", -r.loss}};
}

int run(const TrainFlags& flags) {
  Json json = flags.config.empty() ? Json::object() : read_toml(flags.config);
  for (const std::string& assignment : flags.set) set_value(json, assignment);
  if (!flags.teacher.empty()) {
    if (!json.contains("model")) json["model"] = "iaf";
    json["mel"] = flow::read_model(flags.teacher).spec.mel;
  }
  if (!flags.mel_dir.empty()) json["mel_dir"] = flags.mel_dir;
  if (!flags.prior.empty()) json["prior"] = flags.prior;
  if (flags.prior_deviation) json["prior_deviation"] = *flags.prior_deviation;
  const auto settings = from_json<train::TrainSettings>(json, "");
  if (flags.folder.empty())
    throw Error(Fault::usage, "usage", "expected a folder for the run: -d FOLDER");
  if (settings.corpora.empty())
    throw Error(Fault::usage, "usage",
                "expected a corpus: name one in the settings of -f, or with --set "
                "'corpora=[{path=\"folder\"}]'");
  if (flags.threads > 0) at::set_num_threads(flags.threads);
  train::TrainOptions options{flags.resume, {}, progress_mode(flags)};
  options.rehearsal = flags.dry_run;
  options.device = train::device_of(flags.device);
  if (!flags.init.empty()) options.init = flags.init;
  if (!flags.teacher.empty()) options.teacher = flags.teacher;
  const auto timeout = std::chrono::milliseconds(std::llround(1000 * settings.peer_timeout));
  options.peers = std::make_shared<train::Peers>(train::place_from_environment(), timeout);
  if (!options.peers->first()) set_log_level(Level::error);
  train::Trainer trainer(settings, flags.folder, options);
  if (flags.dry_run) {
    const train::Rehearsal found = trainer.rehearse();
    if (!options.peers->first()) return 0;
    write_stdout(flags.json ? told_as_json(found).dump() + "\n" : told(settings, found));
    return 0;
  }
  trainer.run();
  return 0;
}

// The flags that both commands have.
void run_flags(CLI::App& command, TrainFlags& flags) {
  command.add_option("-f,--config", flags.config, "settings in TOML")->type_name("FILE");
  command.add_option("--set", flags.set, "one setting, after those of -f: name=value")
      ->type_name("NAME=VALUE");
  folder_flag(command, flags, "of the run: checkpoints, log.jsonl, model.safetensors");
  command.add_flag("--resume", flags.resume,
                   "go on from the newest sound checkpoint of the folder");
  command.add_option("--init", flags.init, "start from the weights of this model file")
      ->type_name("FILE");
  command
      .add_option("--mel-dir", flags.mel_dir,
                  "train on these mels (NAME.npy for NAME.wav): the setting mel_dir")
      ->type_name("FOLDER");
  command.add_flag("--dry-run", flags.dry_run,
                   "read the corpus, run three steps, say what memory and time a run will take; "
                   "write nothing");
  device_flag(command, flags, "trains");
  threads_flag(command, flags);
  json_flag(command, flags);
  report_flags(command, flags);
}

void add_train(Program& program) {
  CLI::App& command = program.command(
      "train", "train a model on recordings by exact likelihood",
      "  fluvox train -f recipes/compact_mixed/config.toml -d runs/voice\n"
      "  fluvox train -f recipes/compact_mixed/config.toml -d runs/voice --resume\n"
      "  fluvox train --set model=waveglow --set 'corpora=[{path=\"wavs\"}]' -d runs/waveglow\n"
      "  fluvox train -f recipes/waveglow_ljspeech/config.toml -d runs/waveglow --device cuda\n"
      "  torchrun --nproc-per-node 2 --no-python fluvox train -f config.toml -d runs/voice\n"
      "  fluvox train -f one_speaker.toml --prior voice.safetensors --prior-deviation 0.01 "
      "-d runs/her\n" +
          help_of_settings());
  const auto flags = std::make_shared<TrainFlags>();
  run_flags(command, *flags);
  command
      .add_option("--prior", flags->prior,
                  "hold the weights to those of this model file: the setting prior")
      ->type_name("FILE");
  command
      .add_option("--prior-deviation", flags->prior_deviation,
                  "how far a weight may well go from there: the setting prior_deviation")
      ->type_name("S");
  program.body(command, [flags] { return run(*flags); });
}

void add_distill(Program& program) {
  CLI::App& command = program.command(
      "distill", "train a parallel student (iaf) from a teacher (maf)",
      "  fluvox distill --teacher maf.safetensors -f student.toml -d runs/student\n\n"
      "Settings are those of train; model is iaf unless named, and the mel is the teacher's.\n");
  const auto flags = std::make_shared<TrainFlags>();
  command.add_option("--teacher", flags->teacher, "model file of the teacher")
      ->type_name("FILE")
      ->required();
  run_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace
}  // namespace fluvox::cli

int main(int argc, char** argv) {
  using namespace fluvox;
  cli::expect_want_of_memory(argc, argv);
  cli::Program program("fluvox-train", "The training side of Fluvox.",
                       text("fluvox-train ", FLUVOX_VERSION, " (commit ", FLUVOX_COMMIT,
                            ")\nprocessor: ", cpu_name(), "; LibTorch ", TORCH_VERSION));
  cli::add_train(program);
  cli::add_distill(program);
  return program.run(argc, argv);
}
