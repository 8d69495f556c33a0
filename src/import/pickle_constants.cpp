#include "import/pickle_constants.h"

#include <algorithm>
#include <bit>
#include <string>

#include "import/little_endian.h"

namespace fluvox::imports {
namespace {

NodeId long_integer(std::string_view digits, TreeBuilder& build) {
  if (digits.size() > 8) return build.string(digits, Kind::big_integer);
  uint64_t value = little_endian(digits);
  const size_t bits = digits.size() * 8;
  if (bits > 0 && bits < 64 && (value >> (bits - 1) & 1) != 0) value |= ~uint64_t{0} << bits;
  return build.integer(static_cast<int64_t>(value));
}

// "01" and "00" are how protocols 0 and 1 spell True and False.
NodeId decimal(std::string_view digits, TreeBuilder& build) {
  if (digits == "00") return TreeBuilder::kFalse;
  if (digits == "01") return TreeBuilder::kTrue;
  if (!digits.empty() && digits.back() == 'L') digits.remove_suffix(1);
  return build.integer(parsed<int64_t>(digits, build, "a decimal integer of at most 64 bits"));
}

NodeId big_endian_float(std::string_view bytes, TreeBuilder& build) {
  std::string swapped(bytes);
  std::reverse(swapped.begin(), swapped.end());
  return build.add({Kind::number, 0, std::bit_cast<double>(little_endian(swapped))});
}

// STRING stands in quotes. Escapes are of protocol 0, which PyTorch never writes.
NodeId text_line(std::string_view line, bool in_quotes, TreeBuilder& build) {
  if (line.find('\\') != std::string_view::npos) build.malformed("holds an escape");
  if (in_quotes) {
    if (line.size() < 2 || line.front() != line.back() || (line[0] != '\'' && line[0] != '"'))
      build.malformed("expected a string in quotes");
    line = line.substr(1, line.size() - 2);
  }
  return build.string(line);
}

}  // namespace

void PickleCursor::check_left(uint64_t count) const {
  if (count > bytes_.size() - at_)
    build_.fail("pickle-truncated", text("the file ends within it: ", count, " bytes needed, ",
                                         bytes_.size() - at_, " left"));
}

std::string_view PickleCursor::take(uint64_t count) {
  check_left(count);
  const std::string_view taken = bytes_.substr(at_, static_cast<size_t>(count));
  at_ += taken.size();
  return taken;
}

uint64_t PickleCursor::number(size_t width) { return little_endian(take(width)); }

std::string_view PickleCursor::line() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos)
    build_.fail("pickle-truncated", "the file ends within its line");
  const std::string_view read = take(end - at_);
  ++at_;
  return read;
}

std::optional<NodeId> read_constant(Opcode opcode, PickleCursor& cursor, TreeBuilder& build) {
  switch (opcode) {
    case Opcode::none:
      return TreeBuilder::kNone;
    case Opcode::new_true:
      return TreeBuilder::kTrue;
    case Opcode::new_false:
      return TreeBuilder::kFalse;
    case Opcode::bin_int:
      return build.integer(static_cast<int32_t>(cursor.number(4)));
    case Opcode::bin_int1:
      return build.integer(static_cast<int64_t>(cursor.number(1)));
    case Opcode::bin_int2:
      return build.integer(static_cast<int64_t>(cursor.number(2)));
    case Opcode::long1:
      return long_integer(cursor.take(cursor.number(1)), build);
    case Opcode::long4:  // a negative length is one beyond the file
      return long_integer(cursor.take(cursor.number(4)), build);
    case Opcode::int_text:
    case Opcode::long_text:
      return decimal(cursor.line(), build);
    case Opcode::float_text:
      return build.add({Kind::number, 0, parsed<double>(cursor.line(), build, "a decimal number")});
    case Opcode::bin_float:
      return big_endian_float(cursor.take(8), build);
    case Opcode::string_text:
      return text_line(cursor.line(), true, build);
    case Opcode::unicode_text:
      return text_line(cursor.line(), false, build);
    case Opcode::short_bin_string:
    case Opcode::short_bin_unicode:
      return build.string(cursor.take(cursor.number(1)));
    case Opcode::bin_string:
    case Opcode::bin_unicode:
      return build.string(cursor.take(cursor.number(4)));
    case Opcode::bin_unicode8:
      return build.string(cursor.take(cursor.number(8)));
    case Opcode::short_bin_bytes:
      return build.string(cursor.take(cursor.number(1)), Kind::bytes);
    case Opcode::bin_bytes:
      return build.string(cursor.take(cursor.number(4)), Kind::bytes);
    case Opcode::bin_bytes8:
    case Opcode::byte_array8:
      return build.string(cursor.take(cursor.number(8)), Kind::bytes);
    default:
      return std::nullopt;
  }
}

}  // namespace fluvox::imports
