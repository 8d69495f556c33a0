// The C interface over the sessions and streams of runtime/: checks what a caller can get wrong,
// and turns exceptions into statuses.
#include "api/fluvox/fluvox.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/error.h"
#include "cuda/device.h"
#include "flow/model_file.h"
#include "fluvox_version.h"
#include "mel/convention.h"
#include "runtime/session.h"
#include "runtime/stream.h"

using fluvox::Error;
using fluvox::Fault;
using fluvox::text;
namespace runtime = fluvox::runtime;

struct fluvox_model {
  fluvox_model(const fluvox::flow::Model& model, const runtime::SessionOptions& options)
      : session(model, options),
        name(model.spec.model),
        convention(fluvox::to_json(session.convention()).dump()),
        device(session.device()) {}

  runtime::Session session;
  std::string name, convention, device;
};

struct fluvox_stream {
  fluvox_stream(const fluvox_model& model_, const runtime::RenderOptions& options)
      : model(model_), stream(model_.session, options) {}

  const fluvox_model& model;
  runtime::Stream stream;
  std::atomic<bool> cancelled{false};
  bool broken = false;  // a pull failed half way: what follows would not be the audio
};

namespace {

constexpr int kMostThreads = 1024;
// Pulled at a time, so that a cancel is noticed.
constexpr size_t kPiece = 4096;

// As much of `from` as `to` holds, in whole UTF-8 characters, ended with a zero.
template <size_t size>
void copy_text(char (&to)[size], std::string_view from) {
  size_t length = std::min(from.size(), size - 1);
  if (length < from.size())
    while (length > 0 && (static_cast<unsigned char>(from[length]) & 0xC0u) == 0x80u) --length;
  std::memcpy(to, from.data(), length);
  to[length] = '\0';
}

fluvox_status tell(fluvox_error* error, fluvox_status status, std::string_view code,
                   std::string_view message) noexcept {
  if (error) {
    error->status = status;
    copy_text(error->code, code);
    copy_text(error->message, message);
  }
  return status;
}

// Runs `work`; no exception leaves it.
template <class Work>
fluvox_status guarded(fluvox_error* error, const Work& work) noexcept {
  try {
    work();
    return tell(error, FLUVOX_OK, "", "");
  } catch (const Error& e) {
    return tell(error, static_cast<fluvox_status>(e.exit_code()), e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return tell(error, FLUVOX_MEMORY, "out-of-memory", "not enough memory");
  } catch (const std::exception& e) {
    return tell(error, FLUVOX_INTERNAL, "internal", e.what());
  } catch (...) {
    return tell(error, FLUVOX_INTERNAL, "internal", "an exception of unknown kind");
  }
}

template <class Pointer>
void need(Pointer* pointer, const char* name) {
  if (!pointer)
    throw Error(Fault::usage, "null-pointer",
                text(name, ": expected a pointer, found a null pointer"));
}

void need_room(const char* what, size_t needed, size_t capacity) {
  if (capacity < needed)
    throw Error(
        Fault::usage, "buffer-too-small",
        text(what, ": expected room for ", needed, " values, found a capacity of ", capacity));
}

// Frames whose samples and values can be counted in int, with room for padding.
int counted(const fluvox_model& model, size_t frames) {
  const auto& c = model.session.convention();
  const int most = std::numeric_limits<int>::max() / 4 / std::max(c.hop, c.bands);
  if (frames > static_cast<size_t>(most))
    throw Error(Fault::input, "mel-too-long",
                text("mel: expected at most ", most, " frames at once, found ", frames));
  return static_cast<int>(frames);
}

size_t samples_of(const fluvox_model& model, size_t frames) {
  return static_cast<size_t>(counted(model, frames)) *
         static_cast<size_t>(model.session.convention().hop);
}

fluvox::mel::Mel mel_of(const fluvox_model& model, const float* values, size_t frames) {
  fluvox::mel::Mel mel;
  mel.frames = counted(model, frames);
  mel.bands = model.session.convention().bands;
  if (frames == 0) return mel;
  need(values, "mel");
  mel.values.assign(values, values + frames * static_cast<size_t>(mel.bands));
  return mel;
}

std::span<const float> audio_of(const fluvox_model& model, const float* audio, size_t samples) {
  if (samples > 0) need(audio, "audio");
  const auto hop = static_cast<size_t>(model.session.convention().hop);
  counted(model, samples / hop + 1);
  return {audio, samples};
}

runtime::SessionOptions session_options(const char* device, const fluvox_load_options* options) {
  runtime::SessionOptions result;
  auto there = fluvox::cuda::Precision::fp32;
  if (options) {
    if (options->threads < 0 || options->threads > kMostThreads)
      throw Error(Fault::usage, "threads-invalid",
                  text("threads: expected 0 to ", kMostThreads, ", found ", options->threads,
                       "; 0 is all"));
    result.threads = options->threads;
    switch (options->precision) {
      case FLUVOX_FP32:
        break;
      case FLUVOX_BF16:
        result.precision = fluvox::net::Precision::bf16;
        there = fluvox::cuda::Precision::bf16;
        break;
      case FLUVOX_FP16:
        there = fluvox::cuda::Precision::fp16;
        break;
      default:
        throw Error(Fault::usage, "precision-invalid",
                    text("precision: expected FLUVOX_FP32, FLUVOX_BF16 or FLUVOX_FP16, found ",
                         static_cast<int>(options->precision)));
    }
  }
  result.sampler = fluvox::cuda::sampler_on(device ? device : "cpu", there);
  return result;
}

runtime::RenderOptions render_options(const fluvox_render_options* options) {
  runtime::RenderOptions result;
  if (!options) return result;
  result.seed = options->seed;
  result.item = options->item;
  if (!(options->sigma < 0)) result.sigma = options->sigma;  // NaN is refused where it is used
  return result;
}

void refuse_ended(const fluvox_stream& stream) {
  if (stream.cancelled)
    throw Error(Fault::usage, "stream-cancelled",
                "expected a stream at work, found one that was cancelled: open another");
  if (stream.broken)
    throw Error(Fault::usage, "stream-broken",
                "expected a stream at work, found one that failed before: open another");
}

}  // namespace

const char* fluvox_version(void) { return FLUVOX_VERSION; }

fluvox_status fluvox_load_on(const char* device, const char* path,
                             const fluvox_load_options* options, fluvox_model** model,
                             fluvox_error* error) {
  return guarded(error, [&] {
    need(model, "model");
    *model = nullptr;
    need(path, "path");
    const runtime::SessionOptions session = session_options(device, options);
    *model = new fluvox_model(fluvox::flow::read_model(path), session);
  });
}

fluvox_status fluvox_load_memory_on(const char* device, const void* bytes, size_t size,
                                    const fluvox_load_options* options, fluvox_model** model,
                                    fluvox_error* error) {
  return guarded(error, [&] {
    need(model, "model");
    *model = nullptr;
    need(bytes, "bytes");
    const runtime::SessionOptions session = session_options(device, options);
    const std::span file(static_cast<const std::byte*>(bytes), size);
    *model = new fluvox_model(fluvox::flow::read_model(file, "the model in memory"), session);
  });
}

fluvox_status fluvox_load(const char* path, const fluvox_load_options* options,
                          fluvox_model** model, fluvox_error* error) {
  return fluvox_load_on(nullptr, path, options, model, error);
}

fluvox_status fluvox_load_memory(const void* bytes, size_t size, const fluvox_load_options* options,
                                 fluvox_model** model, fluvox_error* error) {
  return fluvox_load_memory_on(nullptr, bytes, size, options, model, error);
}

void fluvox_free(fluvox_model* model) { delete model; }

fluvox_status fluvox_facts_of(const fluvox_model* model, fluvox_facts* facts, fluvox_error* error) {
  return guarded(error, [&] {
    need(model, "model");
    need(facts, "facts");
    const runtime::Session& session = model->session;
    *facts = {};
    facts->sample_rate = session.convention().sample_rate;
    facts->hop = session.convention().hop;
    facts->bands = session.convention().bands;
    facts->z_channels = session.z_channels();
    facts->streams = session.streams() ? 1 : 0;
    facts->look_ahead = session.look_ahead();
    facts->sigma = session.spec().sigma;
    facts->work = session.multiply_adds();
  });
}

const char* fluvox_name(const fluvox_model* model) { return model ? model->name.c_str() : nullptr; }

const char* fluvox_convention(const fluvox_model* model) {
  return model ? model->convention.c_str() : nullptr;
}

const char* fluvox_device_of(const fluvox_model* model) {
  return model ? model->device.c_str() : nullptr;
}

uint64_t fluvox_item_of(const char* name) {
  uint64_t item = 0;
  guarded(nullptr, [&] {
    if (name) item = runtime::item_of(name);
  });
  return item;
}

fluvox_status fluvox_render(const fluvox_model* model, const float* mel, size_t frames,
                            const fluvox_render_options* options, float* audio, size_t capacity,
                            fluvox_error* error) {
  return guarded(error, [&] {
    need(model, "model");
    need_room("audio", samples_of(*model, frames), capacity);
    if (frames > 0) need(audio, "audio");
    const std::vector<float> made =
        model->session.render(mel_of(*model, mel, frames), render_options(options));
    std::copy(made.begin(), made.end(), audio);
  });
}

fluvox_status fluvox_stream_open(const fluvox_model* model, const fluvox_render_options* options,
                                 fluvox_stream** stream, fluvox_error* error) {
  return guarded(error, [&] {
    need(stream, "stream");
    *stream = nullptr;
    need(model, "model");
    *stream = new fluvox_stream(*model, render_options(options));
  });
}

fluvox_status fluvox_stream_push(fluvox_stream* stream, const float* mel, size_t frames,
                                 fluvox_error* error) {
  return guarded(error, [&] {
    need(stream, "stream");
    refuse_ended(*stream);
    stream->stream.push(mel_of(stream->model, mel, frames));
  });
}

fluvox_status fluvox_stream_finish(fluvox_stream* stream, fluvox_error* error) {
  return guarded(error, [&] {
    need(stream, "stream");
    refuse_ended(*stream);
    stream->stream.finish();
  });
}

fluvox_status fluvox_stream_pull(fluvox_stream* stream, float* audio, size_t capacity,
                                 size_t* samples, fluvox_error* error) {
  return guarded(error, [&] {
    need(samples, "samples");
    *samples = 0;
    need(stream, "stream");
    if (stream->broken) refuse_ended(*stream);
    if (capacity == 0) return;
    need(audio, "audio");
    stream->broken = true;
    while (*samples < capacity && !stream->cancelled) {
      const std::span piece(audio + *samples, std::min(kPiece, capacity - *samples));
      const size_t count = stream->stream.pull(piece);
      if (count == 0) break;
      *samples += count;
    }
    stream->broken = false;
    if (stream->cancelled) stream->stream.cancel();
  });
}

int fluvox_stream_ended(const fluvox_stream* stream) {
  return !stream || stream->cancelled || stream->stream.ended() ? 1 : 0;
}

void fluvox_stream_cancel(fluvox_stream* stream) {
  if (stream) stream->cancelled = true;
}

void fluvox_stream_close(fluvox_stream* stream) { delete stream; }

size_t fluvox_frames_of(const fluvox_model* model, size_t samples) {
  return model && samples > 0 ? fluvox::mel::frame_count(model->session.convention(), samples) : 0;
}

fluvox_status fluvox_analyse(const fluvox_model* model, const float* audio, size_t samples,
                             float* mel, size_t capacity, fluvox_error* error) {
  return guarded(error, [&] {
    need(model, "model");
    const std::span<const float> sound = audio_of(*model, audio, samples);
    need_room(
        "mel",
        fluvox_frames_of(model, samples) * static_cast<size_t>(model->session.convention().bands),
        capacity);
    if (samples > 0) need(mel, "mel");
    const fluvox::mel::Mel made = model->session.analyse(sound);
    std::copy(made.values.begin(), made.values.end(), mel);
  });
}

fluvox_status fluvox_score_of(const fluvox_model* model, const float* audio, size_t samples,
                              fluvox_score* score, fluvox_error* error) {
  return guarded(error, [&] {
    need(model, "model");
    need(score, "score");
    const runtime::Score found = model->session.score(audio_of(*model, audio, samples));
    *score = {found.nats, found.samples};
  });
}

fluvox_status fluvox_encode(const fluvox_model* model, const float* audio, const float* mel,
                            size_t frames, float* z, size_t capacity, fluvox_error* error) {
  return guarded(error, [&] {
    need(model, "model");
    const size_t samples = samples_of(*model, frames);
    need_room("z", samples, capacity);
    if (frames > 0) need(z, "z");
    const std::vector<float> found =
        model->session.encode(audio_of(*model, audio, samples), mel_of(*model, mel, frames));
    std::copy(found.begin(), found.end(), z);
  });
}

fluvox_status fluvox_decode(const fluvox_model* model, const float* z, const float* mel,
                            size_t frames, float* audio, size_t capacity, fluvox_error* error) {
  return guarded(error, [&] {
    need(model, "model");
    const size_t samples = samples_of(*model, frames);
    need_room("audio", samples, capacity);
    if (frames > 0) need(audio, "audio");
    const std::span<const float> noise = audio_of(*model, z, samples);
    runtime::RenderOptions options;
    options.z.emplace(noise.begin(), noise.end());
    const std::vector<float> made = model->session.render(mel_of(*model, mel, frames), options);
    std::copy(made.begin(), made.end(), audio);
  });
}
