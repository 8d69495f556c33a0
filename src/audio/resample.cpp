#include "audio/resample.h"

#include <soxr.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/error.h"

namespace fluvox::audio {
namespace {

constexpr std::size_t kBlock = 4096;  // samples handed to soxr at a time

}  // namespace

struct Resampler::State {
  soxr_t soxr = nullptr;  // null where the rates are equal
  int from = 0, to = 0;
  std::uint64_t taken = 0, given = 0;

  ~State() { soxr_delete(soxr); }
};

std::uint64_t resampled_length(std::uint64_t n, int from, int to) {
  const auto in = static_cast<std::uint64_t>(from), out = static_cast<std::uint64_t>(to);
  // Whole seconds apart, so that the product cannot overflow.
  return n / in * out + (n % in * out + in - 1) / in;
}

Resampler::Resampler(int from, int to) : state_(std::make_unique<State>()) {
  if (from <= 0 || to <= 0) {
    throw Error(Fault::input, "sample-rate",
                text("expected sample rates above 0 Hz, found ", from, " and ", to));
  }
  state_->from = from;
  state_->to = to;
  if (from == to) return;
  soxr_error_t error = nullptr;
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, 0);
  const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
  state_->soxr = soxr_create(from, to, 1, &error, &io, &quality, &runtime);
  if (error) {
    throw Error(Fault::input, "sample-rate",
                text("cannot resample from ", from, " Hz to ", to, " Hz: ", error));
  }
}

Resampler::~Resampler() = default;

void Resampler::feed(const float* samples, std::size_t count, std::vector<float>& out) {
  State& s = *state_;
  std::array<float, kBlock> ready;
  std::size_t done = 0;
  for (bool more = true; more;) {
    std::size_t used = 0, made = 0;
    const soxr_error_t error = soxr_process(s.soxr, samples + done, count - done, &used,
                                            ready.data(), ready.size(), &made);
    if (error) {
      throw Error(Fault::input, "resample-failed",
                  text("resampling from ", s.from, " Hz to ", s.to, " Hz failed: ", error));
    }
    done += used;
    s.given += made;
    out.insert(out.end(), ready.data(), ready.data() + made);
    more = done < count || made == ready.size();
  }
}

void Resampler::process(std::span<const float> samples, std::vector<float>& out) {
  state_->taken += samples.size();
  if (!state_->soxr) {
    out.insert(out.end(), samples.begin(), samples.end());
    return;
  }
  for (std::size_t at = 0; at < samples.size(); at += kBlock) {
    feed(samples.data() + at, std::min(kBlock, samples.size() - at), out);
  }
}

void Resampler::finish(std::vector<float>& out) {
  State& s = *state_;
  if (!s.soxr) return;
  // soxr rounds the length to the nearest; zeros after the end, which it would assume anyway, let
  // it go on until the promised length is reached.
  const std::uint64_t promised = resampled_length(s.taken, s.from, s.to);
  const std::vector<float> silence(kBlock, 0.0f);
  while (s.given < promised) feed(silence.data(), silence.size(), out);
  out.resize(out.size() - static_cast<std::size_t>(s.given - promised));
}

std::vector<float> resample(std::span<const float> samples, int from, int to) {
  Resampler resampler(from, to);
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(resampled_length(samples.size(), from, to)) + kBlock);
  resampler.process(samples, out);
  resampler.finish(out);
  return out;
}

}  // namespace fluvox::audio
