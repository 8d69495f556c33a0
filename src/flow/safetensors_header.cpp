#include "flow/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/strict_json.h"

namespace fluvox::flow {
namespace {

constexpr const char* kMetadataKey = "__metadata__";

// Takes the parser's events. Where we are says what may come next, so depth is bounded by the
// format itself.
class HeaderSax : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderSax(const std::string& file) : file_(file) {}

  SafetensorsHeader header;

  bool null() override { return unexpected("null"); }
  bool boolean(bool value) override { return unexpected(value ? "true" : "false"); }
  bool number_integer(int64_t value) override { return unexpected(text("the number ", value)); }
  bool number_float(double, const std::string& digits) override {
    return unexpected("the number " + digits.substr(0, 40));
  }
  bool binary(binary_t&) override { return unexpected("bytes"); }

  bool number_unsigned(uint64_t value) override {
    if (place_ == Place::offsets && offsets_.size() < 2) {
      offsets_.push_back(value);
    } else if (place_ == Place::shape && std::in_range<int64_t>(value)) {
      if (entry_.shape.size() == kMaxRank) refuse(text("more than ", kMaxRank, " dimensions"));
      entry_.shape.push_back(static_cast<int64_t>(value));
    } else {
      return unexpected(text("the number ", value));
    }
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      header.metadata[key_] = value;
    } else if (place_ == Place::tensor && key_ == "dtype") {
      const auto type = dtype_named(value);
      if (!type)
        refuse(text("expected a dtype of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL; found ",
                    in_quotes(value)));
      entry_.type = *type;
    } else {
      return unexpected("the string " + in_quotes(value));
    }
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top) {
      place_ = key_ == kMetadataKey ? Place::metadata : Place::tensor;
      if (header.entries.size() == kMaxEntries && place_ == Place::tensor)
        refuse(text("more than ", kMaxEntries, " tensors"));
      entry_ = {};
      entry_.name = key_;
      offsets_.clear();
      given_.clear();
    } else {
      return unexpected("an object");
    }
    return true;
  }

  bool key(std::string& name) override {
    if (place_ == Place::top) {
      entry_.name.clear();
      if (!names_.insert(name).second) refuse(text("the name ", in_quotes(name), " stands twice"));
    } else if (place_ == Place::metadata) {
      if (header.metadata.count(name)) refuse(text("the key ", in_quotes(name), " stands twice"));
      if (header.metadata.size() == kMaxEntries)
        refuse(text("more than ", kMaxEntries, " strings"));
    } else {
      if (name != "dtype" && name != "shape" && name != "data_offsets")
        refuse(text("expected the keys dtype, shape and data_offsets; found ", in_quotes(name)));
      if (!given_.insert(name).second) refuse(text("the key ", in_quotes(name), " stands twice"));
    }
    key_ = name;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::tensor || (key_ != "shape" && key_ != "data_offsets"))
      return unexpected("a list");
    place_ = key_ == "shape" ? Place::shape : Place::offsets;
    return true;
  }

  bool end_array() override {
    if (place_ == Place::offsets) {
      if (offsets_.size() != 2) refuse(text("expected two data_offsets, found ", offsets_.size()));
      std::tie(entry_.begin, entry_.end) = std::tie(offsets_[0], offsets_[1]);
    }
    place_ = Place::tensor;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      for (const char* needed : {"dtype", "shape", "data_offsets"})
        if (!given_.count(needed)) refuse(text("the key \"", needed, "\" is missing"));
      header.entries.push_back(std::move(entry_));
      entry_ = {};
    }
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    entry_.name.clear();
    refuse(text("the header is not JSON at byte ", position, ": ",
                std::string(error.what()).substr(0, 200)));
  }

 private:
  enum class Place { outside, top, metadata, tensor, shape, offsets };

  [[noreturn]] void refuse(const std::string& what) const {
    const std::string tensor = entry_.name.empty() ? "" : "tensor " + in_quotes(entry_.name) + ": ";
    throw Error(Fault::input, "safetensors-invalid", text(file_, ": ", tensor, what));
  }

  bool unexpected(const std::string& found) const {
    switch (place_) {
      case Place::outside:
        refuse("expected the header to be an object, found " + found);
      case Place::top:
        refuse(text("expected an object for ", in_quotes(key_), ", found ", found));
      case Place::metadata:
        refuse(text("expected a string for the key ", in_quotes(key_), ", found ", found));
      case Place::tensor:
        refuse(text("expected ", key_ == "dtype" ? "a string" : "a list", " for the key ",
                    in_quotes(key_), ", found ", found));
      case Place::shape:
        refuse(text("expected whole numbers from 0 to ", std::numeric_limits<int64_t>::max(),
                    " as the shape, found ", found));
      case Place::offsets:
        refuse("expected two whole numbers of at least 0 as data_offsets, found " + found);
    }
    return false;
  }

  const std::string& file_;
  Place place_ = Place::outside;
  std::string key_;
  std::set<std::string> names_, given_;
  SafetensorsEntry entry_;
  std::vector<uint64_t> offsets_;
};

// Every byte of the data belongs to exactly one tensor, whose shape and type say how many it has.
void check_layout(std::vector<SafetensorsEntry>& entries, uint64_t data, const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t at = 0;
  for (const SafetensorsEntry& entry : entries) {
    const auto refuse = [&](const std::string& what) {
      throw Error(Fault::input, "safetensors-invalid",
                  text(file, ": tensor ", in_quotes(entry.name), ": ", what));
    };
    const auto count = count_of(entry.shape);
    size_t size = 0;
    if (!count || __builtin_mul_overflow(*count, size_of(entry.type), &size))
      refuse(
          text("a shape of ", describe_shape(entry.shape), " has more bytes than can be counted"));
    if (entry.end < entry.begin || entry.end - entry.begin != size)
      refuse(text("expected ", size, " bytes for ", name_of(entry.type), " of shape ",
                  describe_shape(entry.shape), ", found data_offsets [", entry.begin, ", ",
                  entry.end, "]"));
    if (entry.begin != at)
      refuse(text("expected its data to begin at ", at, ", where the one before ends; found ",
                  entry.begin));
    if (entry.end > data)
      throw Error(Fault::input, "safetensors-truncated",
                  text(file, ": tensor ", in_quotes(entry.name), ": expected its data to end by ",
                       data, ", where the file ends; found ", entry.end,
                       "; the file was cut short: copy or download it again"));
    at = entry.end;
  }
  if (at != data)
    throw Error(Fault::input, "safetensors-invalid",
                text(file, ": expected the tensors to fill the ", data, " bytes of data, found ",
                     at, "; ", data - at, " bytes are left over"));
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view header, uint64_t data,
                                           const std::string& file) {
  const auto refuse = [&](const std::string& what) {
    throw Error(Fault::input, "safetensors-invalid", file + ": " + what);
  };
  if (header.empty() || header.front() != '{')
    refuse("expected the header to start with '{'; this is no safetensors file");
  // The parser would take it for the end.
  if (const size_t zero = header.find('\0'); zero != header.npos)
    refuse(text("the header is not JSON: a zero byte at ", zero));
  HeaderSax sax(file);
  nlohmann::json::sax_parse(header, &sax);
  check_layout(sax.header.entries, data, file);
  return std::move(sax.header);
}

std::string make_safetensors_header(const Tensors& tensors, const Metadata& metadata) {
  if (tensors.size() > kMaxEntries || metadata.size() > kMaxEntries)
    throw std::logic_error(text("more than ", kMaxEntries, " tensors or strings for one file"));
  // Entry by entry: one object of them all would look every name up among those before it.
  std::string header = "{";
  const auto add = [&](const std::string& name, const Json& value) {
    header += text(header.size() > 1 ? "," : "", Json(name).dump(), ":", value.dump());
  };
  if (!metadata.empty()) add(kMetadataKey, nlohmann::json(metadata));
  size_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = at;
    if (name == kMetadataKey || tensor.shape.size() > kMaxRank ||
        tensor.bytes.size() % size_of(tensor.type) != 0 ||
        count_of(tensor.shape) != tensor.bytes.size() / size_of(tensor.type))
      throw std::logic_error(text("tensor ", in_quotes(name), " of ", name_of(tensor.type),
                                  " and shape ", describe_shape(tensor.shape), " with ",
                                  tensor.bytes.size(), " bytes cannot be written"));
    at += tensor.bytes.size();
    add(name, Json{{"dtype", name_of(tensor.type)},
                   {"shape", tensor.shape},
                   {"data_offsets", {begin, at}}});
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > kMaxHeader)
    throw Error(Fault::input, "safetensors-invalid",
                text("expected a header of at most ", kMaxHeader, " bytes, found ", header.size()));
  return header;
}

}  // namespace fluvox::flow
