// An array that begins at a cache line, as the products want theirs.
#pragma once

#include <cstddef>
#include <vector>

namespace fluvox::net {

template <class T>
class Aligned {
 public:
  Aligned() = default;
  explicit Aligned(std::size_t count) { resize(count); }

  // New elements are zeros.
  void resize(std::size_t count) { lines_.resize((count * sizeof(T) + kLine - 1) / kLine); }
  T* data() { return reinterpret_cast<T*>(lines_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(lines_.data()); }

 private:
  static constexpr std::size_t kLine = 64;
  struct alignas(kLine) Line {
    std::byte bytes[kLine] = {};
  };
  std::vector<Line> lines_;
};

}  // namespace fluvox::net
