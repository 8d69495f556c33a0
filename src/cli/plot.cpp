// fluvox plot: pictures of sounds and mels.
#include "report/plot.h"

#include <memory>

#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "core/error.h"
#include "core/output.h"
#include "mel/mel_file.h"
#include "report/png.h"

namespace fluvox::cli {
namespace {

struct PlotFlags : Flags {
  bool pitch = false;
  std::string convention = "tacotron2", layout = "auto";
};

std::string title(const std::string& path) { return std::filesystem::path(path).filename(); }

bool is_mel(const std::string& path) { return std::filesystem::path(path).extension() == ".npy"; }

report::Image picture(const PlotFlags& flags) {
  const std::string& first = flags.inputs.front();
  if (is_mel(first) || is_mel(flags.inputs.back())) {
    if (flags.inputs.size() == 2 || flags.pitch)
      throw Error(Fault::usage, "usage", "mel files are plotted one by one, and without --pitch");
    const mel::Convention convention =
        mel::read_sidecar(first).value_or(mel::convention(flags.convention));
    const mel::Mel mel = mel::read_mel(first, convention, mel::layout(flags.layout));
    return report::plot_mel(mel, convention, title(first));
  }
  const audio::Sound a = audio::read_sound(first);
  if (flags.inputs.size() == 1)
    return flags.pitch ? report::plot_pitch(a.samples, a.rate, title(first))
                       : report::plot_sound(a.samples, a.rate, title(first));
  if (flags.pitch) throw Error(Fault::usage, "usage", "--pitch takes one recording, found two");
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
                                      "  fluvox plot speech.npy -o mel.png");
  const auto flags = std::make_shared<PlotFlags>();
  command
      .add_option("inputs", flags->inputs,
                  "a recording (wave and spectrogram), two to compare, or a mel file")
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
  command
      .add_option("--layout", flags->layout, "of a mel file: auto, bands-frames or frames-bands")
      ->type_name("NAME")
      ->capture_default_str();
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
