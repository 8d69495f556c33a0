// What a sound device's callback does: samples from the ring as 16-bit integers in every channel,
// silence where there are none. It runs in the device's thread against the clock, so it never
// allocates, locks, logs or touches files.
//
// A device that is told to stop drops what it still holds. So after the last sample silence
// follows, as much as the device's latency and one period, and only then is the feed complete.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "audio/encoding.h"
#include "audio/ring.h"

namespace fluvox::audio {

class Feed {
 public:
  explicit Feed(std::size_t capacity) : ring(capacity) {}

  Ring ring;
  int channels = 1;  // fixed before the device starts, as is
  std::uint64_t latency_frames = 0;
  std::atomic<bool> finished{false};  // set once everything is in the ring
  std::atomic<bool> complete{false};
  // starved: frames of silence given before `finished` because the ring was empty.
  std::atomic<std::uint64_t> played{0}, starved{0}, underruns{0}, callbacks{0};

  // The device's thread only. Writes frames * channels integers; true when there is no more to
  // come.
  bool fill(std::int16_t* out, std::size_t frames) {
    callbacks.fetch_add(1, std::memory_order_relaxed);
    // Read before the ring: once it is seen true, everything is in the ring.
    const bool last = finished.load(std::memory_order_acquire);
    const auto width = static_cast<std::size_t>(channels);
    std::array<float, 256> block;
    std::size_t done = 0;
    while (done < frames) {
      const std::size_t got =
          ring.read(std::span(block).first(std::min(block.size(), frames - done)));
      if (got == 0) break;
      for (std::size_t i = 0; i < got; ++i) {
        const auto value = static_cast<std::int16_t>(round_to_bits(block[i], 16));
        std::fill_n(out + (done + i) * width, width, value);
      }
      done += got;
    }
    const std::size_t missing = frames - done;
    std::fill_n(out + done * width, missing * width, std::int16_t{0});

    played.fetch_add(done, std::memory_order_relaxed);
    period_ = std::max<std::uint64_t>(period_, frames);
    if (!last) {
      starved.fetch_add(missing, std::memory_order_relaxed);
      return false;
    }
    tail_ += missing;
    if (tail_ < latency_frames + period_) return false;
    complete.store(true, std::memory_order_release);
    return true;
  }

 private:
  std::uint64_t tail_ = 0, period_ = 0;  // frames
};

}  // namespace fluvox::audio
