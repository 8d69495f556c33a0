// fluvox mel: recordings to mel files, and mel files from one convention to another.
#include "mel/mel.h"

#include <memory>

#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/items.h"
#include "cli/mel_input.h"
#include "core/error.h"
#include "core/threads.h"
#include "core/toml.h"
#include "mel/convert.h"

namespace fluvox::cli {
namespace {

struct MelFlags : Flags {
  std::string convention = "tacotron2", from;
  std::vector<std::string> set;
};

// The named convention with the parameters of --set in place of its own.
mel::Convention chosen(const MelFlags& flags) {
  Json json = to_json(mel::convention(flags.convention));
  for (const std::string& assignment : flags.set) set_value(json, assignment);
  if (!flags.set.empty()) json["name"] = flags.convention + ", changed";
  return mel::convention_from_json(json, "--set");
}

// A mel file in another convention: its own is the one beside it, or that of --from.
mel::Mel converted(const std::string& input, const mel::Convention& wanted, const MelFlags& flags) {
  const auto beside = mel::read_sidecar(input);
  if (!beside && flags.from.empty())
    throw Error(Fault::usage, "usage",
                text(input, ": no convention is stated beside this mel; name its own with --from"));
  const mel::Convention own = beside ? *beside : mel::convention(flags.from);
  const mel::Mel mel = read_mel_input(input, own, mel::layout(flags.layout));
  try {
    return mel::convert(mel, own, wanted);
  } catch (const Error& error) {
    throw Error(error.fault(), error.code(), text(input, ": ", error.what()));
  }
}

int run(const MelFlags& flags) {
  const std::vector<std::string> inputs = gather_inputs(flags);
  if (flags.output == "-")
    throw Error(Fault::usage, "usage",
                "-o -: a mel is kept with its convention beside it; give the name of a file");
  const auto outputs = output_paths(flags, inputs, ".npy");
  const mel::Analyser analyser(chosen(flags));
  const int rate = analyser.convention().sample_rate;
  Threads threads(flags.threads);
  return run_items("mel", inputs, flags, [&](size_t i) {
    mel::Mel mel;
    double seconds = 0;
    if (names_mel(inputs[i])) {
      mel = converted(inputs[i], analyser.convention(), flags);
      seconds = static_cast<double>(mel.frames) * analyser.convention().hop / rate;
    } else {
      const audio::Sound sound = audio::read_sound(inputs[i], rate);
      mel = analyser.analyse(sound.samples, threads);
      seconds = static_cast<double>(sound.samples.size()) / rate;
    }
    mel::write_mel(outputs[i], mel, analyser.convention());
    return Item{.seconds = seconds,
                .result = {{"output", outputs[i].string()},
                           {"frames", mel.frames},
                           {"bands", mel.bands},
                           {"seconds", seconds}}};
  });
}

}  // namespace

void add_mel(Program& program) {
  CLI::App& command =
      program.command("mel", "recordings to mel spectrograms, or mels to another convention",
                      "  fluvox mel speech.wav -o speech.npy\n"
                      "  fluvox mel *.flac -d mels --convention hifigan\n"
                      "  find corpus -name '*.wav' | fluvox mel -f - -d mels\n"
                      "  fluvox mel log10.npy --from parallel-wavegan --convention parallel-wavegan"
                      " --set log=ln -o ln.npy\n\n"
                      "The parameters of a convention, with the defaults of tacotron2:\n" +
                          describe_fields<mel::Convention>());
  const auto flags = std::make_shared<MelFlags>();
  input_flags(command, *flags,
              "recordings (WAV, FLAC, Ogg, Opus, MP3; any rate), or mel files (.npy, .pt)");
  output_flag(command, *flags, "the mel file, of one recording");
  folder_flag(command, *flags, "where NAME.npy goes, and NAME.npy.json with its convention");
  std::string known;
  for (const std::string& name : mel::names()) known += (known.empty() ? "" : ", ") + name;
  command.add_option("--convention", flags->convention, "one of " + known)
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--set", flags->set, "one of its parameters: fmax=7600")
      ->type_name("NAME=VALUE");
  command
      .add_option("--from", flags->from,
                  "the convention of mel files that have none stated beside them")
      ->type_name("NAME");
  layout_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
