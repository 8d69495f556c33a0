// Fluvox from C++20: fluvox.h with owners for its handles, spans for its pointers, exceptions for
// its statuses. A header alone, over the C functions of the shared library, so it does not matter
// which compiler made that.
//
//   fluvox::api::Model voice("compact.safetensors");
//   std::vector<float> mel = voice.analyse(audio);              // [frames][bands]
//   std::vector<float> sound = voice.render(mel, {.seed = 1});
//
//   fluvox::api::Stream stream(voice, {.seed = 1});
//   stream.push(some_frames);  ...  stream.finish();
//   while (size_t n = stream.pull(buffer)) play(std::span(buffer).first(n));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "fluvox.h"

namespace fluvox::api {

class Error : public std::runtime_error {
 public:
  explicit Error(const fluvox_error& error)
      : std::runtime_error(error.message), status_(error.status), code_(error.code) {}
  Error(fluvox_status status, std::string code, const std::string& message)
      : std::runtime_error(message), status_(status), code_(std::move(code)) {}

  fluvox_status status() const { return status_; }
  const std::string& code() const { return code_; }  // stable: "model-hash-mismatch"

 private:
  fluvox_status status_;
  std::string code_;
};

struct LoadOptions {
  int threads = 0;  // 0: one for each processor
  fluvox_precision precision = FLUVOX_FP32;
  std::string device = "cpu";  // what renders: "cpu", "cuda", "cuda:N" or "auto"
};

struct RenderOptions {
  std::uint64_t seed = 0;
  std::uint64_t item = 0;
  double sigma = -1;  // below 0: the model's own
};

inline std::uint64_t item_of(const std::string& name) { return fluvox_item_of(name.c_str()); }

namespace detail {

// Calls function(arguments..., &error) and throws what it tells.
template <class Function, class... Arguments>
void call(Function function, Arguments... arguments) {
  fluvox_error error;
  if (function(arguments..., &error) != FLUVOX_OK) throw Error(error);
}

struct Free {
  void operator()(fluvox_model* model) const { fluvox_free(model); }
  void operator()(fluvox_stream* stream) const { fluvox_stream_close(stream); }
};

}  // namespace detail

class Model {
 public:
  explicit Model(const std::string& path, const LoadOptions& options = {}) {
    const fluvox_load_options plain{options.threads, options.precision};
    fluvox_model* model = nullptr;
    detail::call(fluvox_load_on, options.device.c_str(), path.c_str(), &plain, &model);
    take(model);
  }
  explicit Model(std::span<const std::byte> file, const LoadOptions& options = {}) {
    const fluvox_load_options plain{options.threads, options.precision};
    fluvox_model* model = nullptr;
    detail::call(fluvox_load_memory_on, options.device.c_str(),
                 static_cast<const void*>(file.data()), file.size(), &plain, &model);
    take(model);
  }

  const fluvox_facts& facts() const { return facts_; }
  std::string name() const { return fluvox_name(get()); }
  std::string convention() const { return fluvox_convention(get()); }  // as JSON
  std::string device() const { return fluvox_device_of(get()); }       // "cpu", or the GPU's name
  const fluvox_model* get() const { return model_.get(); }

  // Of values[frames][bands].
  std::size_t frames_of(std::span<const float> mel) const {
    const auto bands = static_cast<std::size_t>(facts_.bands);
    if (mel.size() % bands != 0)
      throw Error(FLUVOX_USAGE, "shape-mismatch",
                  "mel: expected frames of " + std::to_string(bands) + " values, found " +
                      std::to_string(mel.size()) + " values in all");
    return mel.size() / bands;
  }

  std::vector<float> render(std::span<const float> mel, RenderOptions options = {}) const {
    const std::size_t frames = frames_of(mel);
    const fluvox_render_options plain{options.seed, options.item, options.sigma};
    std::vector<float> audio(samples_of(frames));
    detail::call(fluvox_render, get(), mel.data(), frames, &plain, audio.data(), audio.size());
    return audio;
  }

  std::vector<float> analyse(std::span<const float> audio) const {
    std::vector<float> mel(fluvox_frames_of(get(), audio.size()) *
                           static_cast<std::size_t>(facts_.bands));
    detail::call(fluvox_analyse, get(), audio.data(), audio.size(), mel.data(), mel.size());
    return mel;
  }

  fluvox_score score(std::span<const float> audio) const {
    fluvox_score score{};
    detail::call(fluvox_score_of, get(), audio.data(), audio.size(), &score);
    return score;
  }

  // z of exactly frames * hop samples given their mel, and back.
  std::vector<float> encode(std::span<const float> audio, std::span<const float> mel) const {
    const std::size_t frames = whole(audio, mel);
    std::vector<float> z(audio.size());
    detail::call(fluvox_encode, get(), audio.data(), mel.data(), frames, z.data(), z.size());
    return z;
  }
  std::vector<float> decode(std::span<const float> z, std::span<const float> mel) const {
    const std::size_t frames = whole(z, mel);
    std::vector<float> audio(z.size());
    detail::call(fluvox_decode, get(), z.data(), mel.data(), frames, audio.data(), audio.size());
    return audio;
  }

 private:
  void take(fluvox_model* model) {
    model_.reset(model);
    detail::call(fluvox_facts_of, get(), &facts_);
  }

  std::size_t samples_of(std::size_t frames) const {
    return frames * static_cast<std::size_t>(facts_.hop);
  }

  std::size_t whole(std::span<const float> values, std::span<const float> mel) const {
    const std::size_t frames = frames_of(mel), expected = samples_of(frames);
    if (values.size() != expected)
      throw Error(FLUVOX_USAGE, "shape-mismatch",
                  "expected " + std::to_string(expected) + " values for " + std::to_string(frames) +
                      " frames, found " + std::to_string(values.size()));
    return frames;
  }

  std::unique_ptr<fluvox_model, detail::Free> model_;
  fluvox_facts facts_{};
};

// One thread at a time, but for cancel(). The model must outlive it.
class Stream {
 public:
  explicit Stream(const Model& model, RenderOptions options = {}) : model_(model) {
    const fluvox_render_options plain{options.seed, options.item, options.sigma};
    fluvox_stream* stream = nullptr;
    detail::call(fluvox_stream_open, model.get(), &plain, &stream);
    stream_.reset(stream);
  }

  void push(std::span<const float> mel) {
    detail::call(fluvox_stream_push, stream_.get(), mel.data(), model_.frames_of(mel));
  }
  void finish() { detail::call(fluvox_stream_finish, stream_.get()); }
  // How many samples it put at the front of `audio`.
  std::size_t pull(std::span<float> audio) {
    std::size_t samples = 0;
    detail::call(fluvox_stream_pull, stream_.get(), audio.data(), audio.size(), &samples);
    return samples;
  }
  bool ended() const { return fluvox_stream_ended(stream_.get()) != 0; }
  void cancel() { fluvox_stream_cancel(stream_.get()); }

 private:
  const Model& model_;
  std::unique_ptr<fluvox_stream, detail::Free> stream_;
};

}  // namespace fluvox::api
