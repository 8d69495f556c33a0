#include "cli/bench_model.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "core/cpu.h"
#include "core/signals.h"
#include "core/threads.h"
#include "fluvox_version.h"
#include "kernels/isa.h"
#include "kernels/noise.h"
#include "kernels/peak.h"
#include "runtime/stream.h"

namespace fluvox::cli {
namespace {

constexpr int kRuns = 5;
constexpr double kPeakSeconds = 0.3;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Floating-point operations a second of all threads together.
double peak(net::Precision precision, Threads& threads) {
  std::vector<double> done(static_cast<size_t>(threads.size()));
  const auto isa = kernels::isa();
  const bool bf16 = precision == net::Precision::bf16 && isa >= kernels::Isa::avx512bf16;
  const double seconds = seconds_of([&] {
    threads.run(threads.size(), [&](int i) {
      done[static_cast<size_t>(i)] =
          bf16 ? kernels::peak_bf16(isa, kPeakSeconds) : kernels::peak_fp32(isa, kPeakSeconds);
    });
  });
  double sum = 0;
  for (const double operations : done) sum += operations;
  return sum / seconds;
}

// Levels of speech, more or less: what the arithmetic costs does not depend on them.
mel::Mel made_up_mel(int frames, int bands) {
  mel::Mel mel{frames, bands, std::vector<float>(static_cast<size_t>(frames) * bands)};
  for (size_t i = 0; i < mel.values.size(); ++i)
    mel.values[i] = -5 + 1.5f * kernels::normal(1, 0, 0, i);
  return mel;
}

void render(const runtime::Session& session, const mel::Mel& mel, int chunk,
            std::vector<float>& audio) {
  if (chunk == 0) {
    audio = session.render(mel);
    return;
  }
  runtime::Stream stream(session);
  audio.resize(static_cast<size_t>(chunk) * session.convention().hop);
  for (int at = 0; at < mel.frames; at += chunk) {
    const int to = std::min(mel.frames, at + chunk);
    stream.push({to - at,
                 mel.bands,
                 {mel.values.begin() + static_cast<std::ptrdiff_t>(at) * mel.bands,
                  mel.values.begin() + static_cast<std::ptrdiff_t>(to) * mel.bands}});
    if (to == mel.frames) stream.finish();
    while (stream.pull(audio) > 0) {
    }
  }
}

}  // namespace

Json bench_model(const flow::Model& model, const BenchSettings& settings) {
  std::optional<runtime::Session> session;
  const double load = seconds_of([&] { session.emplace(model, settings.session); });
  Threads threads(settings.session.threads);
  const mel::Mel mel = made_up_mel(settings.frames, session->convention().bands);
  std::vector<float> audio;
  render(*session, mel, settings.chunk, audio);  // warm

  std::vector<double> runs;
  double most = peak(settings.session.precision, threads);
  for (int run = 0; run < kRuns; ++run) {
    throw_if_interrupted();
    runs.push_back(seconds_of([&] { render(*session, mel, settings.chunk, audio); }));
    most = std::max(most, peak(settings.session.precision, threads));
  }
  std::sort(runs.begin(), runs.end());
  const double median = runs[kRuns / 2];
  const double samples = static_cast<double>(settings.frames) * session->convention().hop;
  const double operations = 2 * session->multiply_adds() * samples / median;
  return {{"bench", "render"},
          {"model", model.spec.model},
          {"precision", settings.session.precision == net::Precision::bf16 ? "bf16" : "fp32"},
          {"isa", kernels::isa_name(kernels::isa())},
          {"threads", threads.size()},
          {"frames", settings.frames},
          {"chunk", settings.chunk},
          {"seconds", median},
          {"least", runs.front()},
          {"most", runs.back()},
          {"runs", kRuns},
          {"x_real_time", samples / session->convention().sample_rate / median},
          {"multiply_adds_per_sample", session->multiply_adds()},
          {"operations_per_second", operations},
          {"peak_operations_per_second", most},
          {"share_of_peak", operations / most},
          {"load_seconds", load},
          {"look_ahead_samples", session->look_ahead()},
          {"cpu", cpu_name()},
          {"version", FLUVOX_VERSION},
          {"commit", FLUVOX_COMMIT}};
}

}  // namespace fluvox::cli
