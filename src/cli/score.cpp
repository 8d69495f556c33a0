// fluvox score: the exact log-likelihood of recordings.
#include <cstdio>
#include <memory>
#include <span>

#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"
#include "core/error.h"
#include "runtime/latents.h"

namespace fluvox::cli {
namespace {

struct ScoreFlags : Flags {
  std::string mel;
  bool frames = false;
};

std::string formatted(const char* format, double a, double b) {
  char line[96];
  std::snprintf(line, sizeof line, format, a, b);
  return line;
}

// Of the whole frames of the audio, given that mel in place of its own.
runtime::Score score_given(const mel::Mel& mel, const std::vector<float>& audio,
                           const runtime::Session& session) {
  const auto hop = static_cast<size_t>(session.convention().hop);
  const size_t frames = audio.size() / hop;
  runtime::Score score;
  session.encode(std::span(audio).first(frames * hop),
                 runtime::with_frames(mel, static_cast<int>(frames)), &score);
  return score;
}

int run(const ScoreFlags& flags) {
  const std::vector<std::string> inputs = gather_inputs(flags);
  if (!flags.mel.empty() && inputs.size() != 1)
    throw Error(Fault::usage, "usage", text("--mel goes with one input, found ", inputs.size()));
  const auto session = open_session(flags);
  const int rate = session->convention().sample_rate;
  return run_items("score", inputs, flags, [&](size_t i) {
    const auto audio = audio::read_sound(inputs[i], rate).samples;
    const runtime::Score score =
        flags.mel.empty() ? session->score(audio)
                          : score_given(mel_of_input(flags.mel, *session, flags), audio, *session);
    Item item{.seconds = static_cast<double>(score.samples) / rate,
              .skipped = false,
              .result = {{"nats_per_sample", score.nats_per_sample()},
                         {"bits_per_sample", score.bits_per_sample()},
                         {"nats", score.nats},
                         {"samples", score.samples}},
              .line = inputs[i] + ": " +
                      formatted("%.5f nats/sample, %.5f bits/sample", score.nats_per_sample(),
                                score.bits_per_sample())};
    if (flags.frames) {
      const double frame_seconds = static_cast<double>(session->convention().hop) / rate;
      item.result["frame_seconds"] = frame_seconds;
      item.result["frames"] = score.frames;
      for (size_t f = 0; f < score.frames.size(); ++f)
        item.line +=
            formatted("\n%.6f %.17g", static_cast<double>(f) * frame_seconds, score.frames[f]);
    }
    return item;
  });
}

}  // namespace

void add_score(Program& program) {
  CLI::App& command = program.command(
      "score", "the exact log-likelihood of recordings",
      "  fluvox score speech.wav\n"
      "  fluvox score *.flac --json | jq .nats_per_sample\n"
      "  fluvox score speech.wav --mel speech.npy\n"
      "  fluvox score speech.wav --frames\n\n"
      "True nats per sample of the samples as they are, audio in [-1, 1), given the\n"
      "recording's own mel: every constant is included. Whole frames are scored.\n\n"
      "--frames tells where the nats come from: for each frame what the base says of its z,\n"
      "and the log-scales of every step there, constants included. They sum up to the whole.\n"
      "Only the sum is a likelihood: the networks look beyond a frame, so its figure is its\n"
      "share, not how likely its samples are by themselves.");
  const auto flags = std::make_shared<ScoreFlags>();
  input_flags(command, *flags, "recordings");
  model_flag(command, *flags);
  command
      .add_option("--mel", flags->mel,
                  "the mel to score one recording with; its own when not given")
      ->type_name("FILE");
  command.add_flag("--frames", flags->frames,
                   "the nats of each frame too: a line \"SECONDS NATS\" each, or \"frames\" in "
                   "the JSON");
  layout_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
