// A queue of samples between one thread that writes and one that reads, without locks.
//
// The capacity is a power of two; written_ and read_ only grow, and index the storage modulo the
// capacity: full and empty can never be confused, and each side stores to its own index alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fluvox::audio {

class Ring {
 public:
  explicit Ring(std::size_t at_least)
      : storage_(std::bit_ceil(std::max<std::size_t>(at_least, 1))) {}

  std::size_t capacity() const { return storage_.size(); }

  // Exact on the calling side, a lower bound on what the other side leaves.
  std::size_t readable() const {
    return static_cast<std::size_t>(written_.load(std::memory_order_acquire) -
                                    read_.load(std::memory_order_acquire));
  }
  std::size_t writable() const { return capacity() - readable(); }

  // The writing thread only. Takes as many as there is room for; returns how many.
  std::size_t write(std::span<const float> samples) {
    const std::uint64_t at = written_.load(std::memory_order_relaxed);
    const std::uint64_t used = at - read_.load(std::memory_order_acquire);
    const std::size_t count = std::min(samples.size(), capacity() - static_cast<std::size_t>(used));
    const std::size_t first = place(at), before_end = std::min(count, capacity() - first);
    std::copy_n(samples.data(), before_end, storage_.data() + first);
    std::copy_n(samples.data() + before_end, count - before_end, storage_.data());
    written_.store(at + count, std::memory_order_release);
    return count;
  }

  // The reading thread only. Gives as many as there are; returns how many.
  std::size_t read(std::span<float> out) {
    const std::uint64_t at = read_.load(std::memory_order_relaxed);
    const std::uint64_t there = written_.load(std::memory_order_acquire) - at;
    const std::size_t count = std::min(out.size(), static_cast<std::size_t>(there));
    const std::size_t first = place(at), before_end = std::min(count, capacity() - first);
    std::copy_n(storage_.data() + first, before_end, out.data());
    std::copy_n(storage_.data(), count - before_end, out.data() + before_end);
    read_.store(at + count, std::memory_order_release);
    return count;
  }

 private:
  std::size_t place(std::uint64_t index) const {
    return static_cast<std::size_t>(index) & (capacity() - 1);
  }

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  std::vector<float> storage_;
  // A cache line each, so that the two sides do not slow one another.
  alignas(64) std::atomic<std::uint64_t> written_{0};
  alignas(64) std::atomic<std::uint64_t> read_{0};
};

}  // namespace fluvox::audio
