// fluvox score: the exact log-likelihood of recordings.
#include <cstdio>
#include <memory>

#include "audio/sound_file.h"
#include "cli/commands.h"
#include "cli/items.h"
#include "cli/voice.h"

namespace fluvox::cli {
namespace {

int run(const Flags& flags) {
  const std::vector<std::string> inputs = gather_inputs(flags);
  const auto session = open_session(flags);
  const int rate = session->convention().sample_rate;
  return run_items("score", inputs, flags, [&](size_t i) {
    const runtime::Score score = session->score(audio::read_sound(inputs[i], rate).samples);
    char figures[96];
    std::snprintf(figures, sizeof figures, "%.5f nats/sample, %.5f bits/sample",
                  score.nats_per_sample(), score.bits_per_sample());
    return Item{.seconds = static_cast<double>(score.samples) / rate,
                .skipped = false,
                .result = {{"nats_per_sample", score.nats_per_sample()},
                           {"bits_per_sample", score.bits_per_sample()},
                           {"nats", score.nats},
                           {"samples", score.samples}},
                .line = inputs[i] + ": " + figures};
  });
}

}  // namespace

void add_score(Program& program) {
  CLI::App& command = program.command(
      "score", "the exact log-likelihood of recordings",
      "  fluvox score speech.wav\n"
      "  fluvox score *.flac --json | jq .nats_per_sample\n\n"
      "True nats per sample of the samples as they are, audio in [-1, 1), given the\n"
      "recording's own mel: every constant is included. Whole frames are scored.");
  const auto flags = std::make_shared<Flags>();
  input_flags(command, *flags, "recordings");
  model_flag(command, *flags);
  threads_flag(command, *flags);
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
