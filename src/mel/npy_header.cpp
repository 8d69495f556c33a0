#include "mel/npy_header.h"

#include <charconv>

#include "core/error.h"

namespace fluvox::mel {
namespace {

constexpr size_t kMostDimensions = 32;  // NumPy's own limit

class Parser {
 public:
  Parser(std::string_view source, const std::string& where) : rest_(source), where_(where) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(descr, true)) {
        if (peek() != '\'' && peek() != '"')
          refuse("its element type is not a plain number (a record array?)");
        header.descr = quoted();
      } else if (key == "fortran_order" && !std::exchange(order, true)) {
        header.fortran_order = truth();
      } else if (key == "shape" && !std::exchange(shape, true)) {
        header.shape = tuple();
      } else {
        refuse("an unexpected or repeated key");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (peek() != '\0') refuse("text after the dictionary");
    if (!descr || !order || !shape) refuse("descr, fortran_order or shape is missing");
    return header;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(Fault::input, "npy-header",
                text(where_, ": the .npy header is not usable: ", what));
  }

  // The next character that is not a blank, '\0' at the end.
  char peek() {
    const size_t start = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(start == std::string_view::npos ? rest_.size() : start);
    return rest_.empty() ? '\0' : rest_[0];
  }
  bool accept(char c) {
    if (peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse(text("expected '", c, "'"));
  }
  std::string_view quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') refuse("expected a quoted word");
    const size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) refuse("a quote is not closed");
    const std::string_view word = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return word;
  }
  bool truth() {
    peek();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    refuse("fortran_order is neither True nor False");
  }
  std::vector<size_t> tuple() {
    std::vector<size_t> sizes;
    expect('(');
    while (!accept(')')) {
      if (sizes.size() == kMostDimensions) refuse("more than 32 dimensions");
      peek();
      size_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc()) refuse("a dimension is not a whole number that fits 64 bits");
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      accept('L');  // Python 2 wrote long integers so
      sizes.push_back(size);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }

  std::string_view rest_;
  const std::string& where_;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view text, const std::string& where) {
  return Parser(text, where).parse();
}

}  // namespace fluvox::mel
