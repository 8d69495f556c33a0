// fluvox-train: the commands that need LibTorch. `fluvox train ...` runs it.
#include <CLI/App.hpp>
#include <memory>

#include "cli/common.h"
#include "cli/program.h"
#include "core/cpu.h"
#include "core/log.h"
#include "core/toml.h"
#include "fluvox_version.h"
#include "models/registry.h"
#include "train/trainer.h"

namespace fluvox::cli {
namespace {

struct TrainFlags : Flags {
  std::string config, init;
  std::vector<std::string> set;
  bool resume = false;
};

std::string help_of_settings() {
  std::string help = "\nSettings, in TOML or with --set, and their defaults:\n" +
                     describe_fields<train::TrainSettings>() + "\nEach of corpora:\n" +
                     describe_fields<train::CorpusSettings>();
  for (const auto& a : models::architectures())
    help += "\nsettings of " + a.name + " (" + a.summary + "):\n" + a.describe_settings();
  return help;
}

int run(const TrainFlags& flags) {
  Json json = flags.config.empty() ? Json::object() : read_toml(flags.config);
  for (const std::string& assignment : flags.set) set_value(json, assignment);
  const auto settings = from_json<train::TrainSettings>(json, "");
  if (flags.folder.empty())
    throw Error(Fault::usage, "usage", "expected a folder for the run: -d FOLDER");
  if (settings.corpora.empty())
    throw Error(Fault::usage, "usage",
                "expected a corpus: name one in the settings of -f, or with --set "
                "'corpora=[{path=\"folder\"}]'");
  if (flags.threads > 0) at::set_num_threads(flags.threads);
  train::TrainOptions options{flags.resume, {}, progress_mode(flags)};
  if (!flags.init.empty()) options.init = flags.init;
  train::Trainer trainer(settings, flags.folder, options);
  trainer.run();
  return 0;
}

void add_train(Program& program) {
  CLI::App& command = program.command(
      "train", "train a model on recordings by exact likelihood",
      "  fluvox train -f recipes/compact_mixed/config.toml -d runs/voice\n"
      "  fluvox train -f recipes/compact_mixed/config.toml -d runs/voice --resume\n"
      "  fluvox train --set model=waveglow --set 'corpora=[{path=\"wavs\"}]' -d runs/waveglow\n" +
          help_of_settings());
  const auto flags = std::make_shared<TrainFlags>();
  command.add_option("-f,--config", flags->config, "settings in TOML")->type_name("FILE");
  command.add_option("--set", flags->set, "one setting, after those of -f: name=value")
      ->type_name("NAME=VALUE");
  folder_flag(command, *flags, "of the run: checkpoints, log.jsonl, model.safetensors");
  command.add_flag("--resume", flags->resume,
                   "go on from the newest sound checkpoint of the folder");
  command.add_option("--init", flags->init, "start from the weights of this model file")
      ->type_name("FILE");
  threads_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace
}  // namespace fluvox::cli

int main(int argc, char** argv) {
  using namespace fluvox;
  cli::Program program("fluvox-train", "The training side of Fluvox.",
                       text("fluvox-train ", FLUVOX_VERSION, " (commit ", FLUVOX_COMMIT,
                            ")\nprocessor: ", cpu_name(), "; LibTorch ", TORCH_VERSION));
  cli::add_train(program);
  return program.run(argc, argv);
}
