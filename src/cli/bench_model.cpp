#include "cli/bench_model.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/cpu.h"
#include "core/median.h"
#include "core/signals.h"
#include "core/threads.h"
#include "cuda/gpus.h"
#include "flow/sampler.h"
#include "fluvox_version.h"
#include "kernels/isa.h"
#include "kernels/noise.h"
#include "kernels/peak.h"
#include "runtime/stream.h"

namespace fluvox::cli {
namespace {

constexpr int kRuns = 5;
constexpr int kGpuRuns = 20;
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

// A sampler that adds up the seconds spent in it: tables and condition to the GPU, the arithmetic,
// and the samples back.
class Timed : public flow::Sampler {
 public:
  Timed(std::unique_ptr<flow::Sampler> sampler, double& seconds)
      : sampler_(std::move(sampler)), seconds_(seconds) {}

  std::string device() const override { return sampler_->device(); }
  std::unique_ptr<flow::SampleStream> stream(flow::Latent latent) override {
    return std::make_unique<TimedStream>(sampler_->stream(std::move(latent)), seconds_);
  }
  std::vector<std::vector<float>> whole(const Utterances& utterances) override {
    std::vector<std::vector<float>> sounds;
    seconds_ += seconds_of([&] { sounds = sampler_->whole(utterances); });
    return sounds;
  }

 private:
  class TimedStream : public flow::SampleStream {
   public:
    TimedStream(std::unique_ptr<flow::SampleStream> stream, double& seconds)
        : stream_(std::move(stream)), seconds_(seconds) {}
    std::vector<float> push(const flow::RuntimeCondition& condition, bool last,
                            Threads& threads) override {
      std::vector<float> samples;
      seconds_ += seconds_of([&] { samples = stream_->push(condition, last, threads); });
      return samples;
    }

   private:
    std::unique_ptr<flow::SampleStream> stream_;
    double& seconds_;
  };

  std::unique_ptr<flow::Sampler> sampler_;
  double& seconds_;
};

// Renders all once. Of a stream, `chunks` gets the seconds of each chunk from the first on that
// gives samples, but for the last one, behind which comes all that was held back.
void render(const runtime::Session& session, const mel::Mel& mel, const BenchSettings& settings,
            std::vector<double>& chunks) {
  const int chunk = settings.chunk;
  if (chunk == 0) {
    const auto count = static_cast<size_t>(settings.utterances);
    session.render(std::vector<mel::Mel>(count, mel), std::vector<runtime::RenderOptions>(count));
    return;
  }
  runtime::Stream stream(session);
  std::vector<float> audio(static_cast<size_t>(chunk) * session.convention().hop);
  for (int at = 0; at < mel.frames; at += chunk) {
    const int count = std::min(chunk, mel.frames - at);
    const bool last = at + count == mel.frames;
    size_t made = 0;
    const double seconds = seconds_of([&] {
      stream.push(mel.part(at, count));
      if (last) stream.finish();
      while (const size_t fresh = stream.pull(audio)) made += fresh;
    });
    if (made > 0 && !last) chunks.push_back(seconds);
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

mel::Mel made_up_mel(int frames, int bands) {
  mel::Mel mel{frames, bands, std::vector<float>(static_cast<size_t>(frames) * bands)};
  for (size_t i = 0; i < mel.values.size(); ++i)
    mel.values[i] = -5 + 1.5f * kernels::normal(1, 0, 0, i);
  return mel;
}

Json bench_model(const flow::Model& model, const BenchSettings& settings) {
  double within = 0;  // the GPU
  runtime::SessionOptions options = settings.session;
  if (options.sampler)
    options.sampler = [&](const flow::Model& m, const flow::ConditionShape& shape) {
      std::unique_ptr<flow::Sampler> sampler = settings.session.sampler(m, shape);
      return sampler ? std::make_unique<Timed>(std::move(sampler), within) : nullptr;
    };
  cuda::reset_peak_bytes();
  std::optional<runtime::Session> session;
  const double load = seconds_of([&] { session.emplace(model, options); });
  const bool gpu = session->on_gpu();
  Threads threads(options.threads);
  const mel::Mel mel = made_up_mel(settings.frames, session->convention().bands);
  std::vector<double> runs, within_runs, chunks;
  render(*session, mel, settings, chunks);  // warm
  chunks.clear();

  const net::Precision precision = options.precision;
  double most = gpu ? 0 : peak(precision, threads);
  for (int run = 0; run < (gpu ? kGpuRuns : kRuns); ++run) {
    throw_if_interrupted();
    within = 0;
    runs.push_back(seconds_of([&] { render(*session, mel, settings, chunks); }));
    within_runs.push_back(within);
    if (!gpu) most = std::max(most, peak(precision, threads));
  }
  const double seconds = median(runs);
  const double samples = static_cast<double>(settings.frames) * session->convention().hop *
                         (settings.chunk > 0 ? 1 : settings.utterances);
  Json result = {{"bench", "render"},
                 {"model", model.spec.model},
                 {"precision", settings.precision},
                 {"device", session->device()},
                 {"threads", threads.size()},
                 {"frames", settings.frames},
                 {"chunk", settings.chunk},
                 {"utterances", settings.utterances},
                 {"seconds", seconds},
                 {"least", *std::min_element(runs.begin(), runs.end())},
                 {"most", *std::max_element(runs.begin(), runs.end())},
                 {"runs", runs.size()},
                 {"x_real_time", samples / session->convention().sample_rate / seconds},
                 {"samples_per_second", samples / seconds},
                 {"load_seconds", load},
                 {"look_ahead_samples", session->look_ahead()},
                 {"cpu", cpu_name()},
                 {"version", FLUVOX_VERSION},
                 {"commit", FLUVOX_COMMIT}};
  if (gpu) {
    result["seconds_within_gpu"] = median(within_runs);
    result["peak_bytes"] = cuda::peak_bytes();
  } else {
    const auto peak_in = [&](net::Precision other) {
      return other == precision ? most : peak(other, threads);
    };
    const double operations = 2 * session->multiply_adds() * samples / seconds;
    result["isa"] = kernels::isa_name(kernels::isa());
    result["multiply_adds_per_sample"] = session->multiply_adds();
    result["operations_per_second"] = operations;
    result["peak_operations_per_second"] = most;
    result["share_of_peak"] = operations / most;
    result["peaks"] = {{"fp32_operations_per_second", peak_in(net::Precision::fp32)},
                       {"bf16_operations_per_second", peak_in(net::Precision::bf16)},
                       {"memory_read_bytes_per_second", memory_read(threads)}};
  }
  if (!chunks.empty()) {
    result["chunk_seconds"] = median(chunks);
    result["most_chunk_seconds"] = *std::max_element(chunks.begin(), chunks.end());
  }
  if (!session->streams()) return result;
  const double latency = first_sample(*session, mel);
  if (std::isfinite(latency)) result["first_sample_seconds"] = latency;
  return result;
}

}  // namespace fluvox::cli
