// fluvox render: mels, or recordings by way of their mel, to speech.
#include <memory>

#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"
#include "core/error.h"
#include "core/log.h"

namespace fluvox::cli {
namespace {

int run(const Flags& flags) {
  const std::vector<std::string> inputs = gather_inputs(flags);
  if (!flags.noise.empty() && inputs.size() != 1)
    throw Error(Fault::usage, "usage", text("--noise goes with one input, found ", inputs.size()));
  const auto outputs = output_paths(flags, inputs, ".wav");
  const audio::Encoding encoding = audio::parse_encoding(flags.encoding);
  for (const auto& output : outputs) audio::check_sound_name(output, encoding);
  const auto session = open_session(flags);
  const int rate = session->convention().sample_rate;
  return run_items("render", inputs, flags, [&](size_t i) {
    const mel::Mel mel = mel_of_input(inputs[i], *session, flags);
    const auto samples = session->render(mel, render_options(inputs[i], *session, mel.frames, flags));
    const audio::WriteReport report = audio::write_sound(outputs[i], samples, rate, encoding);
    if (report.clipped > 0)
      warn(text(outputs[i].string(), ": ", report.clipped, " of ", report.frames,
                " samples were beyond full scale and clipped"));
    const double seconds = static_cast<double>(samples.size()) / rate;
    Item item{.seconds = seconds, .skipped = false, .result = {{"output", outputs[i].string()},
                                             {"frames", mel.frames}, {"samples", samples.size()},
                                             {"seconds", seconds}, {"clipped", report.clipped}}, .line = {}};
    if (outputs[i] == "-") item.result.erase("output");
    return item;
  });
}

}  // namespace

void add_render(Program& program) {
  CLI::App& command = program.command("render", "mel spectrograms (or recordings, by way of theirs) to speech",
                                      "  fluvox render speech.npy -o speech.wav --seed 1\n"
                                      "  fluvox render recording.flac -o copy.flac --sigma 0.7\n"
                                      "  fluvox render mels/*.npy -d out\n"
                                      "  fluvox render speech.npy -o - | aplay");
  const auto flags = std::make_shared<Flags>();
  input_flags(command, *flags, "mels (.npy) or recordings, whose mel is taken in the model's convention");
  model_flag(command, *flags);
  output_flag(command, *flags, "the sound of one input: .wav .flac .ogg .opus; - is WAV on stdout");
  folder_flag(command, *flags, "where NAME.wav of each input goes");
  seed_flag(command, *flags);
  sigma_flag(command, *flags);
  noise_flag(command, *flags);
  layout_flag(command, *flags);
  encoding_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
