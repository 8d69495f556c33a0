#include "audio/player.h"

#include <fcntl.h>
#include <portaudio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "audio/player_feed.h"
#include "audio/resample.h"
#include "core/error.h"
#include "core/signals.h"

namespace fluvox::audio {
namespace {

// What a device calls its high latency may be 35 ms, and a busy machine then tears gaps; with this
// much none were seen under a load of 16 on two cores.
constexpr double kLeastLatency = 0.2;      // seconds, unless another is asked for
constexpr double kPrebufferSeconds = 0.1;  // beyond the device's latency
constexpr auto kPoll = std::chrono::milliseconds(5);
// Polls without a callback after which the device is taken for gone: about 5 s. Counted, not timed,
// so that a program stopped and continued does not take itself for a dead device.
constexpr int kStall = 1000;

// While it lives, what C libraries write to stderr goes nowhere: the ALSA, JACK and OSS back ends
// print about a hundred lines where there is no sound card.
class QuietStderr {
 public:
  explicit QuietStderr(bool verbose) {
    if (verbose) return;
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0) return;
    saved_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (saved_ >= 0) ::dup2(null, STDERR_FILENO);
    ::close(null);
  }
  ~QuietStderr() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
  }
  QuietStderr(const QuietStderr&) = delete;
  QuietStderr& operator=(const QuietStderr&) = delete;

 private:
  int saved_ = -1;
};

[[noreturn]] void device_error(const std::string& code, const std::string& message) {
  throw Error(Fault::device, code, message);
}

// PortAudio is initialised while one of these lives; it counts them itself.
class Session {
 public:
  explicit Session(bool verbose) : verbose_(verbose) {
    const QuietStderr quiet(verbose);
    ::setenv("JACK_NO_START_SERVER", "1", 0);  // looking for devices must not start a server
    const PaError error = Pa_Initialize();
    if (error != paNoError) {
      device_error("audio-unavailable",
                   text("the audio system cannot be used: ", Pa_GetErrorText(error)));
    }
  }
  ~Session() {
    if (abandoned_) return;
    const QuietStderr quiet(verbose_);
    Pa_Terminate();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A device that has stopped answering would keep Pa_Terminate waiting for ever.
  void abandon() { abandoned_ = true; }

 private:
  bool verbose_, abandoned_ = false;
};

std::string host_name(const PaDeviceInfo& device) {
  const PaHostApiInfo* const host = Pa_GetHostApiInfo(device.hostApi);
  return host ? host->name : "";
}

// Never allocates, locks, logs or touches files.
int callback(const void*, void* output, unsigned long frames, const PaStreamCallbackTimeInfo*,
             PaStreamCallbackFlags flags, void* user) {
  Feed& feed = *static_cast<Feed*>(user);
  if ((flags & paOutputUnderflow) != 0) feed.underruns.fetch_add(1, std::memory_order_relaxed);
  return feed.fill(static_cast<std::int16_t*>(output), frames) ? paComplete : paContinue;
}

}  // namespace

class Player::State {
 public:
  State(int rate, const PlayerOptions& options) : rate_(rate), session_(options.verbose) {
    if (rate <= 0) {
      throw Error(Fault::usage, "sound-rate", text("expected a sample rate above 0, found ", rate));
    }
    const QuietStderr quiet(options.verbose);
    verbose_ = options.verbose;
    open(options);
    const PaStreamInfo* const info = Pa_GetStreamInfo(stream_);
    latency_ = info ? info->outputLatency : options.latency;
    feed_->latency_frames = frames(latency_);
    prebuffer(0);
    resampler_ = std::make_unique<Resampler>(rate, device_rate_);
  }

  ~State() {
    if (stalled_) {
      // Stopping it would wait for its answer. Its thread may wake up yet, so the feed stays.
      session_.abandon();
      static_cast<void>(feed_.release());
      return;
    }
    const QuietStderr quiet(verbose_);
    if (stream_) Pa_AbortStream(stream_);
    if (stream_) Pa_CloseStream(stream_);
  }

  void prebuffer(double seconds) {
    const double more = std::clamp(seconds, kPrebufferSeconds, kMostPrebuffer);
    prebuffer_ = std::min(frames(latency_ + more), feed_->ring.capacity());
  }

  void write(std::span<const float> samples) {
    ready_.clear();
    resampler_->process(samples, ready_);
    given_ += samples.size();
    queue();
  }

  void finish() {
    ready_.clear();
    resampler_->finish(ready_);
    queue();
    feed_->finished.store(true, std::memory_order_release);
    start();
    while (!feed_->complete.load(std::memory_order_acquire)) wait();
    // The callback is done; PortAudio's thread may need a moment more to put its buffer through.
    for (int polls = 0; Pa_IsStreamActive(stream_) == 1 && !stalled_; ++polls) {
      std::this_thread::sleep_for(kPoll);
      stalled_ = polls > kStall;
    }
  }

  PlayerStats stats() const {
    PlayerStats stats;
    stats.frames_played = in_our_rate(feed_->played.load());
    stats.starved_frames = in_our_rate(feed_->starved.load());
    stats.underruns = feed_->underruns.load();
    return stats;
  }

  const std::string& device_name() const { return name_; }
  int device_rate() const { return device_rate_; }
  double latency() const { return latency_; }

 private:
  std::size_t frames(double seconds) const {
    return static_cast<std::size_t>(std::ceil(seconds * device_rate_));
  }

  std::uint64_t in_our_rate(std::uint64_t frames) const {
    return resampled_length(frames, device_rate_, rate_);
  }

  // The rate given and one channel where the device agrees; then two; then the device's own rate.
  void open(const PlayerOptions& options) {
    const int index = options.device >= 0 ? options.device : Pa_GetDefaultOutputDevice();
    const PaDeviceInfo* const device = Pa_GetDeviceInfo(index);
    if (options.device < 0 && !device) {
      device_error("no-device",
                   "no audio output device was found: render to a file with "
                   "`fluvox render ... -o out.wav`, or plug in / start a sound server");
    }
    if (!device || device->maxOutputChannels < 1) {
      device_error("device-unknown", text("there is no audio output device ", index,
                                          ": `fluvox devices` lists those that there are"));
    }
    name_ = device->name;
    const double latency = options.latency > 0
                               ? options.latency
                               : std::max(device->defaultHighOutputLatency, kLeastLatency);
    PaError error = paNoError;
    for (const int rate : {rate_, static_cast<int>(std::lround(device->defaultSampleRate))}) {
      const double ring_seconds = kMostPrebuffer + 2 * latency;
      feed_ = std::make_unique<Feed>(static_cast<std::size_t>(ring_seconds * rate));
      for (const int channels : {1, 2}) {
        const PaStreamParameters format{index, channels, paInt16, latency, nullptr};
        feed_->channels = channels;
        device_rate_ = rate;
        error = Pa_OpenStream(&stream_, nullptr, &format, rate, paFramesPerBufferUnspecified,
                              paDitherOff, callback, feed_.get());
        if (error == paNoError) return;
        stream_ = nullptr;
      }
    }
    device_error("device-refused", text("the audio device '", name_, "' cannot be opened at ",
                                        rate_, " Hz: ", Pa_GetErrorText(error)));
  }

  void start() {
    if (started_) return;
    started_ = true;
    const QuietStderr quiet(verbose_);
    const PaError error = Pa_StartStream(stream_);
    if (error != paNoError) {
      device_error("device-refused",
                   text("the audio device '", name_, "' does not start: ", Pa_GetErrorText(error)));
    }
  }

  void queue() {
    for (std::span<const float> left(ready_); !left.empty();) {
      left = left.subspan(feed_->ring.write(left));
      if (feed_->ring.readable() >= prebuffer_) start();
      if (!left.empty()) wait();
    }
  }

  // A moment for the device to go on. No error surfaces when it goes away: its stream is merely
  // not active any more, or asks for nothing.
  void wait() {
    throw_if_interrupted();
    std::this_thread::sleep_for(kPoll);
    const std::uint64_t callbacks = feed_->callbacks.load(std::memory_order_relaxed);
    if (callbacks != seen_callbacks_) {
      seen_callbacks_ = callbacks;
      idle_polls_ = 0;
    }
    const bool active = Pa_IsStreamActive(stream_) == 1;
    if (feed_->complete.load(std::memory_order_acquire)) return;
    stalled_ = active && ++idle_polls_ > kStall;
    if (active && !stalled_) return;
    const std::uint64_t played = stats().frames_played;
    device_error("device-lost", text("the audio device '", name_,
                                     active ? "' has stopped taking sound" : "' is gone", ": ",
                                     played, " of ", given_, " frames had been played (",
                                     static_cast<double>(played) / rate_, " s)"));
  }

  int rate_;
  Session session_;
  bool verbose_ = false, started_ = false, stalled_ = false;
  std::string name_;
  int device_rate_ = 0;
  double latency_ = 0;
  std::unique_ptr<Feed> feed_;
  PaStream* stream_ = nullptr;
  std::unique_ptr<Resampler> resampler_;
  std::vector<float> ready_;
  std::size_t prebuffer_ = 0;
  std::uint64_t given_ = 0, seen_callbacks_ = 0;
  int idle_polls_ = 0;
};

std::vector<AudioDevice> list_devices(bool verbose) {
  const Session session(verbose);
  std::vector<AudioDevice> devices;
  for (int i = 0; i < Pa_GetDeviceCount(); ++i) {
    const PaDeviceInfo* const device = Pa_GetDeviceInfo(i);
    if (!device || device->maxOutputChannels < 1) continue;
    devices.push_back({i, device->name, host_name(*device), device->maxOutputChannels,
                       static_cast<int>(std::lround(device->defaultSampleRate)),
                       device->defaultLowOutputLatency, device->defaultHighOutputLatency,
                       i == Pa_GetDefaultOutputDevice()});
  }
  return devices;
}

Player::Player(int rate, const PlayerOptions& options)
    : state_(std::make_unique<State>(rate, options)) {}
Player::~Player() = default;
void Player::prebuffer(double seconds) { state_->prebuffer(seconds); }
void Player::write(std::span<const float> samples) { state_->write(samples); }
void Player::finish() { state_->finish(); }
PlayerStats Player::stats() const { return state_->stats(); }
const std::string& Player::device_name() const { return state_->device_name(); }
int Player::device_rate() const { return state_->device_rate(); }
double Player::latency() const { return state_->latency(); }

}  // namespace fluvox::audio
