#include "core/toml.h"

// Nesting is recursion, here as in the parser: no configuration of ours goes near this.
#define TOML_MAX_NESTED_VALUES 64
// Some of the parser's assertions fail on malformed text that it refuses properly a line later; a
// slip of the fingers must not abort the program, and no compiler may take them for granted.
#undef NDEBUG
#define TOML_ASSERT(check) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/atomic_file.h"
#include "core/error.h"

namespace fluvox {
namespace {

constexpr size_t kMostBytes = 4 << 20;
constexpr int kMostDepth = 64;
constexpr int kMostKeyParts = 32;

std::string place(const std::string& where, const toml::source_region& region) {
  return text(where, ":", region.begin.line, ":", region.begin.column);
}

[[noreturn]] void refuse(const std::string& at, const std::string& what) {
  throw Error(Fault::input, "toml-invalid", text(at, ": ", what));
}

// What toml++ 3.3 does not survive is refused before it sees it. It nests a table for each part of
// a dotted key without any limit, and destroys tables recursively: a key of a million parts would
// overflow the stack. And it has undefined behaviour on some characters where TOML allows no more
// than ASCII: outside strings and comments, and after a backslash.
class Guard {
 public:
  Guard(std::string_view source, const std::string& where) : source_(source), where_(where) {}

  void check() {
    if (source_.starts_with("\xef\xbb\xbf")) at_ = 3;
    for (; at_ < source_.size(); ++at_) {
      const char c = source_[at_];
      const bool of_a_word = in_value_ && c == '=';
      if (c == '#')
        at_ = std::min(source_.find('\n', at_), source_.size()) - 1;
      else if (c == '"' || c == '\'')
        open_string(c);
      else if (!step(c))
        refuse_foreign(c);
      if (c != ' ' && c != '\t') before_ = of_a_word ? 'w' : c;
    }
  }

 private:
  // Where a string or a bracket stands inside of a word, the parser takes it for a part of the
  // word.
  void open_string(char quote) {
    if (!stands_after(in_value_ ? "=,[\n" : ".,{[\n")) stop("a quote where no string can begin");
    skip_string(quote);
  }

  // Of what structures the text; whether it was that.
  bool step(char c) {
    switch (c) {
      case '.':
        if (++parts_ > kMostKeyParts) stop(text("a key of more than ", kMostKeyParts, " parts"));
        return true;
      case '=':
        in_value_ = true;
        break;
      case '[':  // an array, or the name of a table
      case '{':
        if (!stands_after(in_value_ ? "=,[\n" : "[\n") || (c == '{' && !in_value_))
          stop("a bracket where no value can begin");
        if (in_value_) open_.push_back(c);
        in_value_ = in_value_ && c == '[';
        break;
      case ']':
      case '}':
        if (!open_.empty()) {
          open_.pop_back();
          in_value_ = true;
        }
        break;
      case ',':
        in_value_ = in_value_ && !open_.ends_with('{');
        break;
      case '\n':
        in_value_ = in_value_ && !open_.empty();
        break;
      default:
        return false;
    }
    parts_ = 1;
    return true;
  }

  bool stands_after(std::string_view these) const { return these.find(before_) != these.npos; }

  // From the opening quote to the last closing one.
  void skip_string(char quote) {
    const bool three = source_.substr(at_, 3) == std::string(3, quote);
    const std::string closing(three ? 3 : 1, quote);
    for (at_ += closing.size(); at_ < source_.size(); ++at_) {
      if (source_.substr(at_, closing.size()) == closing) {
        at_ += closing.size() - 1;
        // One or two quotes before the closing three belong to the string.
        for (int more = 0; three && more < 2 && source_.substr(at_ + 1).starts_with(quote); ++more)
          ++at_;
        return;
      }
      if (source_[at_] == '\n' && !three) return;  // a mistake that the parser reports
      if (source_[at_] != '\\' || quote != '"') continue;
      const size_t next = source_.find_first_not_of(" \t\r\n", at_ + 1);
      if (next == std::string_view::npos) continue;
      refuse_foreign(source_[next]);
      if (next == at_ + 1) ++at_;  // what is escaped ends nothing
    }
  }

  void refuse_foreign(char c) const {
    if (static_cast<unsigned char>(c) >= 0x80)
      stop("characters beyond ASCII belong inside quotes, and not next after '\\'");
  }

  [[noreturn]] void stop(const std::string& what) const {
    const auto line =
        1 + std::count(source_.begin(), source_.begin() + static_cast<ptrdiff_t>(at_), '\n');
    refuse(text(where_, ":", line), what);
  }

  std::string_view source_;
  const std::string& where_;
  size_t at_ = 0;
  char before_ = '\n';  // blanks apart
  std::string open_;    // the brackets of arrays and of tables inside of lines
  bool in_value_ = false;
  int parts_ = 1;  // of a dotted key
};

Json convert(const toml::node& node, const std::string& where, int depth) {
  const std::string at = place(where, node.source());
  if (depth > kMostDepth) refuse(at, text("nested deeper than ", kMostDepth, " levels"));
  if (const auto* table = node.as_table()) {
    Json out = Json::object();
    for (const auto& [key, value] : *table)
      out[std::string(key.str())] = convert(value, where, depth + 1);
    return out;
  }
  if (const auto* array = node.as_array()) {
    Json out = Json::array();
    for (const toml::node& value : *array) out.push_back(convert(value, where, depth + 1));
    return out;
  }
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* value = node.as_floating_point()) {
    if (!std::isfinite(value->get())) refuse(at, "expected a finite number");
    return value->get();
  }
  refuse(at, "dates and times are not settings; write a string or a number");
}

[[noreturn]] void refuse_assignment(std::string_view assignment, const std::string& why) {
  throw Error(Fault::usage, "set-invalid", text("--set ", assignment.substr(0, 200), ": ", why));
}

Json parse_value(std::string_view value, std::string_view assignment) {
  try {
    const Json parsed = parse_toml(text("value = ", value), "value");
    if (parsed.size() == 1 && parsed.contains("value")) return parsed["value"];
  } catch (const Error& error) {
    // Quotes and brackets were meant as TOML; anything else is a word.
    if (!value.empty() && std::string_view("\"'[{").find(value[0]) == std::string_view::npos)
      return std::string(value);
    refuse_assignment(assignment, value.empty() ? "expected a value after '='" : error.what());
  }
  refuse_assignment(assignment, "expected one value");
}

bool is_utf8(std::string_view words) {
  try {
    static_cast<void>(Json(words).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

// The element of the list that the part names.
Json& element(Json& list, std::string_view part, std::string_view assignment) {
  size_t index = 0;
  const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), index);
  if (failure != std::errc() || end != part.data() + part.size() || index >= list.size())
    refuse_assignment(assignment,
                      text("expected an index below ", list.size(), " in place of '", part, "'"));
  return list[index];
}

}  // namespace

Json parse_toml(std::string_view source, const std::string& where) {
  if (source.size() > kMostBytes)
    refuse(where, text("larger than the ", kMostBytes, " bytes of any sane configuration"));
  Guard(source, where).check();
  try {
    return convert(toml::parse(source), where, 0);
  } catch (const toml::parse_error& error) {
    refuse(place(where, error.source()), std::string(error.description()));
  }
}

Json read_toml(const std::filesystem::path& path) {
  return parse_toml(read_file(path, kMostBytes), path.string());
}

void set_value(Json& json, std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    refuse_assignment(assignment, "expected name=value, as in train.rate=1e-4");
  // Stored, it could neither be written nor shown.
  if (!is_utf8(assignment)) refuse_assignment(assignment, "expected text in UTF-8");
  std::string_view name = assignment.substr(0, equals);
  Json* at = &json;
  for (int parts = 1;; ++parts) {
    const size_t dot = name.find('.');
    const std::string_view part = name.substr(0, dot);
    if (part.empty()) refuse_assignment(assignment, "a part of the name is empty");
    if (parts > kMostKeyParts)
      refuse_assignment(assignment, text("a name of more than ", kMostKeyParts, " parts"));
    if (at->is_null()) *at = Json::object();
    if (at->is_array())
      at = &element(*at, part, assignment);
    else if (at->is_object())
      at = &(*at)[std::string(part)];
    else
      refuse_assignment(assignment, text("nothing lies inside the value ", at->dump().substr(0, 80),
                                         " for '", part, "' to name"));
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  *at = parse_value(assignment.substr(equals + 1), assignment);
}

}  // namespace fluvox
