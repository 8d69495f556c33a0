#include "cli/bench_model.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
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

// Bytes a second that all threads together read, of more than any cache holds.
double memory_read(Threads& threads) {
  constexpr size_t kWords = size_t{1} << 24;  // of 8 bytes, for each thread
  constexpr int kPasses = 3;
  std::vector<std::vector<uint64_t>> words(static_cast<size_t>(threads.size()));
  threads.run(threads.size(), [&](int i) { words[static_cast<size_t>(i)].assign(kWords, 1); });
  std::vector<uint64_t> seen(words.size());
  const double seconds = seconds_of([&] {
    threads.run(threads.size(), [&](int i) {
      uint64_t bits = 0;
      for (int pass = 0; pass < kPasses; ++pass)
        for (const uint64_t word : words[static_cast<size_t>(i)]) bits += word;
      seen[static_cast<size_t>(i)] = bits;
    });
  });
  // What was read is used, so that the compiler cannot leave it out.
  const bool read = std::all_of(seen.begin(), seen.end(), [](uint64_t bits) { return bits != 0; });
  return read ? static_cast<double>(words.size() * kWords * 8 * kPasses) / seconds : 0;
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
    const int count = std::min(chunk, mel.frames - at);
    stream.push(mel.part(at, count));
    if (at + count == mel.frames) stream.finish();
    while (stream.pull(audio) > 0) {
    }
  }
}

// Frames come one by one at the pace of real time; each is worked on when it is there and those
// before it are done. How long after the arrival of the frame that the first sample waits for that
// sample is there: the latency of a stream beyond the model's look-ahead. NaN where none comes.
double first_sample(const runtime::Session& session, const mel::Mel& mel) {
  runtime::Stream stream(session);
  const double hop = session.convention().hop;
  const double frame = hop / session.convention().sample_rate;
  std::vector<float> audio(static_cast<size_t>(hop));
  double done = 0;
  for (int at = 0; at < mel.frames; ++at) {
    size_t made = 0;
    const double seconds = seconds_of([&] {
      stream.push(mel.part(at, 1));
      made = stream.pull(audio);
    });
    done = std::max(done, at * frame) + seconds;
    if (made > 0) return done - at * frame;
  }
  return std::numeric_limits<double>::quiet_NaN();
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
  const net::Precision precision = settings.session.precision;
  double most = peak(precision, threads);
  for (int run = 0; run < kRuns; ++run) {
    throw_if_interrupted();
    runs.push_back(seconds_of([&] { render(*session, mel, settings.chunk, audio); }));
    most = std::max(most, peak(precision, threads));
  }
  const auto peak_in = [&](net::Precision other) {
    return other == precision ? most : peak(other, threads);
  };
  std::sort(runs.begin(), runs.end());
  const double median = runs[kRuns / 2];
  const double samples = static_cast<double>(settings.frames) * session->convention().hop;
  const double operations = 2 * session->multiply_adds() * samples / median;
  Json result = {{"bench", "render"},
                 {"model", model.spec.model},
                 {"precision", precision == net::Precision::bf16 ? "bf16" : "fp32"},
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
                 {"peaks",
                  {{"fp32_operations_per_second", peak_in(net::Precision::fp32)},
                   {"bf16_operations_per_second", peak_in(net::Precision::bf16)},
                   {"memory_read_bytes_per_second", memory_read(threads)}}},
                 {"version", FLUVOX_VERSION},
                 {"commit", FLUVOX_COMMIT}};
  if (!session->streams()) return result;
  const double latency = first_sample(*session, mel);
  if (std::isfinite(latency)) result["first_sample_seconds"] = latency;
  return result;
}

}  // namespace fluvox::cli
