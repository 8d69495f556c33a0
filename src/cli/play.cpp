// fluvox play: mels or recordings, rendered and played.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "audio/player.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"
#include "core/error.h"
#include "core/log.h"
#include "core/output.h"
#include "core/signals.h"
#include "runtime/pace.h"

namespace fluvox::cli {
namespace {

constexpr double kMostWithoutAsking = 10;  // seconds of sound to be made before it is heard

struct PlayFlags : Flags {
  std::vector<std::string> devices;  // as given
  int player = -1;
  int chunk = 0;
  std::optional<double> prebuffer = {};
};

// How much is to be made before it is heard: as --prebuffer says, or as the pace of this model on
// this machine asks for. Warns where the machine is too slow, as far as that can be told from the
// first input, of so many seconds.
double chosen_prebuffer(const PlayFlags& flags, const runtime::Pace& pace, double seconds,
                        bool more_inputs) {
  const double needed = pace.prebuffer(seconds);
  const double chosen = flags.prebuffer.value_or(std::min(needed, kMostWithoutAsking));
  if (pace.keeps_up()) return chosen;
  char speed[160];
  std::snprintf(speed, sizeof speed,
                "this model renders at %.2g x real time on this machine as busy as it is, and "
                "playing takes 1.1 x: ",
                pace.x_real_time);
  if (needed <= chosen && !more_inputs) {
    char wait[96];
    std::snprintf(wait, sizeof wait,
                  "%.1f s are made before it begins, so that it does not break off", chosen);
    warn(std::string(speed) + wait);
    return chosen;
  }
  std::string more = "--prebuffer, up to " + text(audio::kMostPrebuffer) + " seconds";
  if (needed <= audio::kMostPrebuffer && !more_inputs)
    more = text("--prebuffer ", std::ceil(needed));
  warn(std::string(speed) +
       "the sound will break off; render to a file with `fluvox render`, take a smaller model, try "
       "--precision bf16, or let more be made first with " +
       more);
  return chosen;
}

// --device names what plays by its number, and what renders as everywhere else.
void tell_devices_apart(PlayFlags& flags) {
  bool plays = false, renders = false;
  for (const std::string& device : flags.devices) {
    const char* end = device.data() + device.size();
    int number = 0;
    const auto read = std::from_chars(device.data(), end, number);
    const bool is_number = read.ec == std::errc() && read.ptr == end;
    if (std::exchange(is_number ? plays : renders, true))
      throw Error(Fault::usage, "usage",
                  text("--device: expected one that plays and one that renders, found two that ",
                       is_number ? "play" : "render"));
    if (is_number)
      flags.player = number;
    else
      flags.device = device;
  }
}

int run(PlayFlags flags) {
  tell_devices_apart(flags);
  const std::vector<std::string> inputs = gather_inputs(flags);
  const auto session = open_session(flags);
  const int rate = session->convention().sample_rate;
  audio::Player player(rate, {.device = flags.player, .latency = 0, .verbose = false});
  info(text(
      "playing on ", player.device_name(),
      player.device_rate() == rate ? "" : text(", resampled to ", player.device_rate(), " Hz")));
  const auto told = [&] {
    const audio::PlayerStats stats = player.stats();
    const double played = static_cast<double>(stats.frames_played) / rate;
    return text("played ", std::round(played * 10) / 10, " s; ", stats.starved_frames,
                " frames came too late, ", stats.underruns, " underruns of the device");
  };
  std::optional<runtime::Pace> pace;
  double prebuffer = 0;
  int code = 0;
  try {
    code = run_items("play", inputs, flags, [&](size_t i) {
      const mel::MelSource mel = open_input(inputs[i], *session, flags);
      const auto options = render_options(inputs[i], *session, mel.frames, flags);
      const double seconds = static_cast<double>(mel.frames) * session->convention().hop / rate;
      // What is made whole before it is heard cannot break off.
      const bool whole = !session->streams() && inputs.size() == 1;
      const int chunk = flags.chunk > 0 ? flags.chunk : kPieceFrames;
      if (!pace && !whole) {
        const int frames = std::min(chunk, mel.frames);
        pace = runtime::measure_pace(*session, frames);
        prebuffer = chosen_prebuffer(flags, *pace, seconds, inputs.size() > 1);
        player.prebuffer(prebuffer);
      }
      // A GPU too makes it in pieces here, for what is played is waited for.
      render_as_made(*session, mel, options, session->streams() ? chunk : 0,
                     [&](std::span<const float> samples) { player.write(samples); });
      return Item{
          .seconds = seconds, .skipped = false, .result = {{"seconds", seconds}}, .line = {}};
    });
    player.finish();
  } catch (const Interrupted&) {
    info("stopped: " + told());
    throw;
  }
  const audio::PlayerStats stats = player.stats();
  log(stats.starved_frames > 0 || stats.underruns > 0 ? Level::warning : Level::info, told());
  if (flags.json)
    write_stdout(Json{{"device", printable(player.device_name())},
                      {"device_rate", player.device_rate()},
                      {"frames_played", stats.frames_played},
                      {"starved_frames", stats.starved_frames},
                      {"underruns", stats.underruns},
                      {"x_real_time", pace ? Json(pace->x_real_time) : Json()},
                      {"prebuffer_seconds", prebuffer}}
                     .dump(-1, ' ', false, Json::error_handler_t::replace) +
                 "\n");
  return code;
}

}  // namespace

void add_play(Program& program) {
  CLI::App& command = program.command("play", "render and play",
                                      "  fluvox play speech.npy\n"
                                      "  fluvox play speech.npy --device 3 --device cuda\n"
                                      "  fluvox play a.npy b.npy recording.wav");
  const auto flags = std::make_shared<PlayFlags>();
  input_flags(command, *flags,
              "mels (.npy, .pt) or recordings, whose mel is taken in the model's convention");
  model_flag(command, *flags);
  command
      .add_option("--device", flags->devices,
                  "what plays, a number that `fluvox devices` lists, the default when not given; "
                  "and what renders: cpu, cuda, cuda:N, or auto; either or both")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command
      .add_option("--prebuffer", flags->prebuffer,
                  "sound to be made before the first of it is heard; by the pace of this machine "
                  "when not given")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, audio::kMostPrebuffer));
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
