// fluvox convert: checkpoints of other projects to model files.
#include "import/convert.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/common.h"
#include "core/error.h"
#include "core/log.h"
#include "core/output.h"
#include "runtime/session.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

struct ConvertFlags : Flags {
  std::string input, config;
  std::optional<std::string> convention;
  std::optional<bool> alternate_halves;
};

// The convention of --convention, or WaveGlow's own, with what the config.json says of the mel.
// Where both are given they must agree.
imports::ConvertOptions options_of(const ConvertFlags& flags) {
  imports::ConvertOptions options;
  options.alternate_halves = flags.alternate_halves;
  if (flags.sigma) options.sigma = *flags.sigma;
  const mel::Convention base = mel::convention(flags.convention.value_or("tacotron2"));
  options.convention = base;
  if (flags.config.empty()) return options;
  options.config = imports::read_published_config(flags.config);
  options.convention = imports::with_config(base, options.config);
  const std::string difference = mel::describe_difference(base, options.convention);
  if (flags.convention && !difference.empty())
    throw Error(Fault::input, "convention-mismatch",
                text("--convention ", base.name, " and ", flags.config, " disagree: ", difference,
                     "; leave out the one that is wrong"));
  return options;
}

void check_output(const ConvertFlags& flags) {
  if (flags.output == "-")
    throw Error(Fault::usage, "usage", "-o -: a model is read by its name; give that of a file");
  std::error_code failed;
  if (fs::equivalent(flags.input, flags.output, failed))
    throw Error(Fault::usage, "usage",
                text(flags.output, ": the checkpoint would be overwritten by its own result"));
}

int run(const ConvertFlags& flags) {
  check_output(flags);
  const imports::ConvertOptions options = options_of(flags);
  flow::Model model;
  std::vector<std::string> assumed;
  {
    imports::Checkpoint checkpoint = imports::Checkpoint::read(flags.input);
    imports::Converted made = imports::convert(checkpoint, options);
    model = {std::move(made.spec), std::move(made.tensors), {}};
    assumed = std::move(made.assumed);
  }
  // What could not be loaded is not written.
  const runtime::Session session(model, {.threads = flags.threads});
  flow::write_model(flags.output, model.spec, model.tensors);

  size_t parameters = 0;
  for (const auto& [name, tensor] : model.tensors) parameters += tensor.count();
  const mel::Convention& mel = session.convention();
  if (!flags.convention && flags.config.empty())
    assumed.push_back(text("its mels are of the convention ", mel.name,
                           ", as WaveGlow's; where "
                           "they are not, give --convention or --config"));
  info(text(flags.input, ": ", model.spec.model, ", ", parameters, " parameters, z of ",
            session.z_channels(), " channels; sampled at sigma ", model.spec.sigma));
  for (const std::string& sentence : assumed) info("assumed: " + sentence);
  if (!flags.json) {
    write_stdout(flags.output + "\n");
    return 0;
  }
  const Json result = {{"input", flags.input},
                       {"output", flags.output},
                       {"model", model.spec.model},
                       {"parameters", parameters},
                       {"z_channels", session.z_channels()},
                       {"convention", mel.name},
                       {"sigma", model.spec.sigma},
                       {"sha256", flow::hash_of(model.spec, model.tensors)},
                       {"provenance", model.spec.provenance},
                       {"assumed", assumed}};
  write_stdout(result.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  return 0;
}

}  // namespace

void add_convert(Program& program) {
  CLI::App& command = program.command(
      "convert", "checkpoints of WaveGlow and SqueezeWave to model files",
      "  fluvox convert waveglow_256channels.pt -o waveglow.safetensors\n"
      "  fluvox convert checkpoint_WaveGlow_1000.pt -o waveglow.safetensors --config config.json\n"
      "  fluvox convert old.pt -o old.safetensors --alternate-halves\n\n"
      "Nothing in the checkpoint is run. Sizes are read off its tensors; what they do not\n"
      "show (the mel convention, the hop) is assumed and said, or taken from --convention\n"
      "and --config. A checkpoint that is not understood whole is refused by name.\n"
      "docs/import.md tells which files are read.");
  const auto flags = std::make_shared<ConvertFlags>();
  command.add_option("checkpoint", flags->input, "a file of torch.save: .pt, .pth")
      ->type_name("FILE")
      ->required();
  output_flag(command, *flags, "the model file, .safetensors");
  command.get_option("--output")->required();
  command
      .add_option("--config", flags->config,
                  "the config.json it was trained with: confirms the sizes, states the mel")
      ->type_name("FILE.json");
  std::string known;
  for (const std::string& name : mel::names()) known += (known.empty() ? "" : ", ") + name;
  command
      .add_option("--convention", flags->convention,
                  "of its mels; tacotron2 when not given; one of " + known)
      ->type_name("NAME");
  command.add_flag_callback(
      "--alternate-halves", [flags] { flags->alternate_halves = true; },
      "odd flows condition on the second half, as those of glow_old.WaveGlow; when not given, the "
      "class in the file tells");
  command.add_flag_callback(
      "--no-alternate-halves", [flags] { flags->alternate_halves = false; },
      "every flow conditions on the first half, whatever the class is called");
  sigma_flag(command, *flags);
  command.get_option("--sigma")->description(
      "the temperature to sample at by default; 0.6 when "
      "not given");
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
