// fluvox plot: pictures of sounds and mels.
#include "report/plot.h"

#include <memory>

#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/mel_input.h"
#include "core/error.h"
#include "core/output.h"
#include "mel/mel.h"
#include "report/png.h"

namespace fluvox::cli {
namespace {

struct PlotFlags : Flags {
  bool pitch = false;
  std::string convention = "tacotron2";
};

std::string title(const std::string& path) { return std::filesystem::path(path).filename(); }

// A mel, or a mel and a mel or recording: all in the convention of the first mel file.
report::Image picture_of_mels(const PlotFlags& flags) {
  const std::vector<std::string>& inputs = flags.inputs;
  const std::string& named = names_mel(inputs.front()) ? inputs.front() : inputs.back();
  const mel::Convention convention =
      mel::read_sidecar(named).value_or(mel::convention(flags.convention));
  const auto mel_of = [&](const std::string& path) {
    if (names_mel(path)) return read_mel_input(path, convention, mel::layout(flags.layout));
    return mel::analyse(audio::read_sound(path, convention.sample_rate).samples, convention);
  };
  const mel::Mel first = mel_of(inputs.front());
  if (inputs.size() == 1) return report::plot_mel(first, convention, title(inputs.front()));
  return report::plot_mels_compared(first, mel_of(inputs.back()), convention, title(inputs.front()),
                                    title(inputs.back()));
}

report::Image picture(const PlotFlags& flags) {
  const std::string& first = flags.inputs.front();
  if (flags.pitch && flags.inputs.size() == 2)
    throw Error(Fault::usage, "usage", "--pitch takes one recording, found two");
  if (names_mel(first) || names_mel(flags.inputs.back())) {
    if (flags.pitch)
      throw Error(Fault::usage, "usage", text("--pitch takes a recording; ", first, " is a mel"));
    return picture_of_mels(flags);
  }
  const audio::Sound a = audio::read_sound(first);
  if (flags.inputs.size() == 1)
    return flags.pitch ? report::plot_pitch(a.samples, a.rate, title(first))
                       : report::plot_sound(a.samples, a.rate, title(first));
  const audio::Sound b = audio::read_sound(flags.inputs[1], a.rate);
  return report::plot_compared(a.samples, b.samples, a.rate, title(first), title(flags.inputs[1]));
}

int run(const PlotFlags& flags) {
  const report::Image image = picture(flags);
  if (flags.output == "-") {
    write_stdout(report::encode_png(image));
    return 0;
  }
  report::write_png(flags.output, image);
  write_stdout(flags.output + "\n");
  return 0;
}

}  // namespace

void add_plot(Program& program) {
  CLI::App& command = program.command("plot", "pictures of sounds and mels, as PNG",
                                      "  fluvox plot speech.wav -o speech.png\n"
                                      "  fluvox plot speech.wav rendered.wav -o compared.png\n"
                                      "  fluvox plot speech.wav --pitch -o pitch.png\n"
                                      "  fluvox plot speech.npy -o mel.png\n"
                                      "  fluvox plot predicted.npy speech.wav -o mels.png");
  const auto flags = std::make_shared<PlotFlags>();
  command
      .add_option("inputs", flags->inputs,
                  "a recording (wave and spectrogram) or a mel (.npy, .pt); or two, to compare: "
                  "both, and the second less the first")
      ->type_name("FILE")
      ->required()
      ->expected(1, 2);
  output_flag(command, *flags, "the picture; - is stdout");
  command.get_option("--output")->required();
  command.add_flag("--pitch", flags->pitch, "the pitch over the lowest part of the spectrogram");
  command
      .add_option("--convention", flags->convention, "of a mel file without a convention beside it")
      ->type_name("NAME")
      ->capture_default_str();
  layout_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
