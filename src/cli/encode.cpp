// fluvox encode: recordings to z, the noise that renders them.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"
#include "core/error.h"
#include "core/log.h"
#include "flow/model_file.h"
#include "mel/npy.h"
#include "runtime/latents.h"

namespace fluvox::cli {
namespace {

struct EncodeFlags : Flags {
  std::string mel;
};

void write(const std::filesystem::path& path, const runtime::Latents& latents) {
  if (path.extension() != ".npy") return runtime::write_latents(path, latents);
  const std::vector<size_t> shape = {static_cast<size_t>(latents.channels),
                                     static_cast<size_t>(latents.positions)};
  mel::write_npy(path, shape, latents.z);
}

std::string figures(const runtime::Fidelity& fidelity) {
  char line[120];
  std::snprintf(line, sizeof line, "largest error %.2g (%.2g of a 16-bit step), %zu samples differ",
                fidelity.max_error, fidelity.max_error_in_steps(), fidelity.differing);
  return line;
}

int run(const EncodeFlags& flags) {
  const std::vector<std::string> inputs = gather_inputs(flags);
  if (!flags.mel.empty() && inputs.size() != 1)
    throw Error(Fault::usage, "usage", text("--mel goes with one input, found ", inputs.size()));
  if (flags.output == "-")
    throw Error(Fault::usage, "usage", "-o -: give the name of a file, .safetensors or .npy");
  const auto outputs = output_paths(flags, inputs, ".safetensors");
  const flow::Model model = flow::read_model(model_path(flags));
  const runtime::Session session(model, {.threads = flags.threads});
  const int rate = session.convention().sample_rate;
  return run_items("encode", inputs, flags, [&](size_t i) {
    const auto audio = audio::read_sound(inputs[i], rate).samples;
    std::optional<mel::Mel> mel;
    if (!flags.mel.empty()) mel = mel_of_input(flags.mel, session, flags);
    runtime::Latents latents = runtime::encode(session, audio, mel);
    latents.model_sha256 = model.sha256;
    const runtime::Fidelity found = runtime::fidelity(audio, runtime::decode(session, latents));
    write(outputs[i], latents);
    if (found.differing > 0)
      warn(text(inputs[i], ": does not come back exactly: ", figures(found)));
    else
      info(text(inputs[i], ": ", figures(found)));
    const double seconds = static_cast<double>(audio.size()) / rate;
    return Item{.seconds = seconds,
                .skipped = false,
                .result = {{"output", outputs[i].string()},
                           {"samples", audio.size()},
                           {"seconds", seconds},
                           {"frames", latents.mel.frames},
                           {"channels", latents.channels},
                           {"positions", latents.positions},
                           {"max_error", found.max_error},
                           {"max_error_in_steps", found.max_error_in_steps()},
                           {"differing", found.differing}},
                .line = {}};
  });
}

}  // namespace

void add_encode(Program& program) {
  CLI::App& command = program.command(
      "encode", "recordings to z, the noise that renders exactly them",
      "  fluvox encode speech.wav -o speech.safetensors\n"
      "  fluvox encode *.flac -d latents\n"
      "  fluvox encode speech.wav --mel speech.npy -o z.npy\n\n"
      "A .safetensors holds z, the mel and the exact length: fluvox decode needs no more.\n"
      "An .npy holds z alone. Every result is decoded again and the error told: 16-bit\n"
      "samples should come back as they were. See docs/latents.md.");
  const auto flags = std::make_shared<EncodeFlags>();
  input_flags(command, *flags, "recordings; resampled to the model's rate where theirs is another");
  model_flag(command, *flags);
  output_flag(command, *flags, "z of one recording: .safetensors, or .npy for z alone");
  folder_flag(command, *flags, "where NAME.safetensors of each input goes");
  command
      .add_option("--mel", flags->mel,
                  "the mel to encode one recording with; its own when not given")
      ->type_name("FILE");
  layout_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
