// fluvox play: mels or recordings, rendered and played.
#include <memory>

#include "audio/player.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"
#include "core/log.h"
#include "core/signals.h"

namespace fluvox::cli {
namespace {

struct PlayFlags : Flags {
  int device = -1;
  int chunk = 0;
};

int run(const PlayFlags& flags) {
  const std::vector<std::string> inputs = gather_inputs(flags);
  const auto session = open_session(flags);
  const int rate = session->convention().sample_rate;
  audio::Player player(rate, {.device = flags.device, .latency = 0, .verbose = false});
  info(text("playing on ", player.device_name()));
  const int code = run_items("play", inputs, flags, [&](size_t i) {
    const mel::Mel mel = mel_of_input(inputs[i], *session, flags);
    double seconds = 0;
    render_as_made(*session, mel, render_options(inputs[i], *session, mel.frames, flags),
                   flags.chunk, [&](std::span<const float> samples) {
                     player.write(samples);
                     seconds += static_cast<double>(samples.size()) / rate;
                   });
    return Item{.seconds = seconds, .skipped = false, .result = {{"seconds", seconds}}, .line = {}};
  });
  player.finish();
  const audio::PlayerStats stats = player.stats();
  if (stats.starved_frames > 0 || stats.underruns > 0)
    warn(text("the sound broke off: ", stats.starved_frames, " frames came too late, ",
              stats.underruns, " underruns of the device"));
  return code;
}

}  // namespace

void add_play(Program& program) {
  CLI::App& command = program.command("play", "render and play",
                                      "  fluvox play speech.npy\n"
                                      "  fluvox play a.npy b.npy recording.wav");
  const auto flags = std::make_shared<PlayFlags>();
  input_flags(command, *flags,
              "mels (.npy, .pt) or recordings, whose mel is taken in the model's convention");
  model_flag(command, *flags);
  command
      .add_option("--device", flags->device,
                  "a number that `fluvox devices` lists; the default when not given")
      ->type_name("N");
  seed_flag(command, *flags);
  sigma_flag(command, *flags);
  layout_flag(command, *flags);
  chunk_flag(command, flags->chunk);
  precision_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
