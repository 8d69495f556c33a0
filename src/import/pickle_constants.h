// The bytes of a pickle one after the other, and the instructions whose value stands in them.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/strict_json.h"
#include "import/pickle_opcodes.h"
#include "import/tree_builder.h"

namespace fluvox::imports {

class PickleCursor {
 public:
  PickleCursor(std::string_view bytes, size_t start, const TreeBuilder& build)
      : bytes_(bytes), at_(start), build_(build) {}

  size_t at() const { return at_; }
  void check_left(uint64_t count) const;
  std::string_view take(uint64_t count);
  uint64_t number(size_t width);  // little-endian
  std::string_view line();        // to the end of line, which is taken too

 private:
  std::string_view bytes_;
  size_t at_;
  const TreeBuilder& build_;
};

template <class Number>
Number parsed(std::string_view digits, const TreeBuilder& build, const char* expected) {
  Number value{};
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value);
  if (error != std::errc() || end != last || digits.empty())
    build.malformed(text("expected ", expected, ", found ", in_quotes(digits)));
  return value;
}

// None, truth values, numbers, strings and bytes; nothing for other instructions.
std::optional<NodeId> read_constant(Opcode opcode, PickleCursor& cursor, TreeBuilder& build);

}  // namespace fluvox::imports
