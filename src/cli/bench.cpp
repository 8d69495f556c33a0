// fluvox bench: how fast this machine does it. One JSON line a measurement, with the machine it was
// made on.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <memory>

#include "cli/bench_model.h"
#include "cli/commands.h"
#include "cli/voice.h"
#include "core/config.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/output.h"
#include "core/signals.h"
#include "core/threads.h"
#include "fluvox_version.h"
#include "kernels/noise.h"
#include "mel/mel.h"
#include "models/registry.h"

namespace fluvox::cli {
namespace {

struct BenchFlags : Flags {
  std::string what = "render", architecture, preset;
  int frames = 256, chunk = 0;
  std::string convention = "tacotron2";
  double seconds = 3600;
};

// Noise at full scale takes as long as anything: neither transform nor filters look at the values.
Json bench_mel(const BenchFlags& flags) {
  constexpr double kPiece = 60;
  constexpr int kRuns = 3;
  const mel::Analyser analyser(mel::convention(flags.convention));
  const int rate = analyser.convention().sample_rate;
  std::vector<float> piece(static_cast<size_t>(kPiece * rate));
  for (size_t i = 0; i < piece.size(); ++i) piece[i] = 0.3f * kernels::normal(1, 0, 0, i);
  const int pieces = std::max(1, static_cast<int>(std::lround(flags.seconds / kPiece)));
  Threads threads(flags.threads);
  std::vector<double> runs;
  const std::clock_t processor = std::clock();  // of all threads: what a busy machine leaves alone
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < pieces; ++i) {
      throw_if_interrupted();
      analyser.analyse(piece, threads);
    }
    runs.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const double worked = static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC / kRuns;
  std::sort(runs.begin(), runs.end());
  const double audio = pieces * kPiece, median = runs[kRuns / 2];
  return {{"bench", "mel"},
          {"convention", flags.convention},
          {"seconds_of_audio", audio},
          {"seconds", median},
          {"least", runs.front()},
          {"most", runs.back()},
          {"runs", kRuns},
          {"processor_seconds", worked},
          {"x_real_time", audio / median},
          {"threads", threads.size()},
          {"cpu", cpu_name()},
          {"version", FLUVOX_VERSION},
          {"commit", FLUVOX_COMMIT}};
}

// The model of -m, of the registry with random weights, or the voice in the box.
flow::Model model_of(const BenchFlags& flags) {
  if (flags.architecture.empty()) return flow::read_model(model_path(flags));
  if (!flags.model.empty())
    throw Error(Fault::usage, "usage",
                "expected one model: a file with -m, or one of the registry with --model");
  const Json settings = flags.preset.empty() ? Json::object() : Json{{"preset", flags.preset}};
  return runtime::made_up_model(
      models::architecture(flags.architecture).build(settings, mel::convention(flags.convention)));
}

int run(const BenchFlags& flags) {
  if (flags.what == "mel") {
    write_stdout(bench_mel(flags).dump() + "\n");
    return 0;
  }
  if (flags.what != "render")
    throw Error(Fault::usage, "usage",
                text("expected what to measure: render or mel; found '", flags.what, "'"));
  const BenchSettings settings{.frames = flags.frames,
                               .chunk = flags.chunk,
                               .precision = flags.precision,
                               .session = session_options(flags)};
  Json line = bench_model(model_of(flags), settings);
  if (!flags.preset.empty()) line["preset"] = flags.preset;
  write_stdout(line.dump() + "\n");
  return 0;
}

}  // namespace

void add_bench(Program& program) {
  CLI::App& command =
      program.command("bench", "measure this machine: one JSON line a measurement",
                      "  fluvox bench\n"
                      "  fluvox bench --model waveglow --precision bf16\n"
                      "  fluvox bench --model waveglow --preset 64 --chunk 3\n"
                      "  fluvox bench --model waveglow --device cuda --frames 4096\n"
                      "  fluvox bench mel --convention vocos --threads 1");
  const auto flags = std::make_shared<BenchFlags>();
  command
      .add_option("what", flags->what,
                  "render: mels to sound, and the share of what this machine can do at most; mel: "
                  "recordings to mels")
      ->type_name("WHAT")
      ->capture_default_str();
  command.add_option("-m", flags->model, "a model file; the voice in the box when not given")
      ->type_name("FILE");
  command
      .add_option("--model", flags->architecture,
                  "a model of the registry, with random weights, in place of a file")
      ->type_name("NAME");
  command.add_option("--preset", flags->preset, "one of its published configurations")
      ->type_name("NAME");
  command.add_option("--frames", flags->frames, "of mel in a run")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20).description(""))
      ->capture_default_str();
  chunk_flag(command, flags->chunk);
  processor_flag(command, *flags);
  command.add_option("--convention", flags->convention, "of the mel")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--seconds", flags->seconds, "of audio in a run of mel")
      ->type_name("S")
      ->capture_default_str();
  threads_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
