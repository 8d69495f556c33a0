#include "mel/npy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/input_file.h"
#include "core/nearest.h"
#include "mel/npy_header.h"

namespace fluvox::mel {
namespace {

static_assert(std::endian::native == std::endian::little, "files are written as memory holds them");

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMostHeader = size_t{64} << 10;
constexpr size_t kMostFile = size_t{8} << 30;
constexpr size_t kValuesAtOnce = size_t{1} << 14;

[[noreturn]] void refuse(const std::string& where, const std::string& what,
                         const char* code = "npy-invalid") {
  throw Error(Fault::input, code, where + ": " + what);
}

size_t unsigned_le(std::string_view bytes) {
  size_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// sign, 5 bits of exponent, 10 of fraction
float from_half(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  float value = 0;
  if (exponent == 31)
    value = fraction == 0 ? std::numeric_limits<float>::infinity()
                          : std::numeric_limits<float>::quiet_NaN();
  else if (exponent == 0)
    value = std::ldexp(static_cast<float>(fraction), -24);
  else
    value = std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return (half & 0x8000) != 0 ? -value : value;
}

struct Element {
  size_t size = 0;
  bool swapped = false;

  // A float64 beyond float32's range becomes infinite, and so is refused like one.
  float read(const char* from) const {
    char bytes[8] = {};
    for (size_t i = 0; i < size; ++i) bytes[i] = from[swapped ? size - 1 - i : i];
    if (size == 2) return from_half(load<uint16_t>(bytes));
    if (size == 4) return load<float>(bytes);
    const auto wide = load<double>(bytes);
    if (!(std::abs(wide) <= static_cast<double>(std::numeric_limits<float>::max())))
      return std::numeric_limits<float>::infinity();
    return static_cast<float>(wide);
  }
  template <class T>
  static T load(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
  }
};

Element element(const std::string& descr, const std::string& where) {
  if (descr.size() == 3 && descr[1] == 'f' &&
      (descr[0] == '<' || descr[0] == '>' || descr[0] == '='))
    if (descr[2] == '2' || descr[2] == '4' || descr[2] == '8')
      return {static_cast<size_t>(descr[2] - '0'), descr[0] == '>'};
  if (descr.find('O') != std::string::npos)
    refuse(where, "holds Python objects, which are never loaded; save a plain float32 array");
  refuse(where, text("element type '", descr.substr(0, 40),
                     "' is not supported; expected float16, float32 or float64 "
                     "(numpy: array.astype('float32'))"));
}

// Whether the elements of the shape are what is left of the file.
void check_size(const NpyHeader& header, size_t size, size_t available, const std::string& where) {
  size_t count = 1;
  for (const size_t length : header.shape)
    if (length == 0) refuse(where, "is an empty array of shape " + shape_text(header.shape));
  for (const size_t length : header.shape) {
    if (length > available / size / count)
      refuse(where,
             text("shape ", shape_text(header.shape), " needs more than the ", available,
                  " bytes that follow the header; the file is truncated or not what it says"),
             "npy-truncated");
    count *= length;
  }
  if (count * size != available)
    refuse(where, text("shape ", shape_text(header.shape), " needs ", count * size, " bytes but ",
                       available, " follow the header"));
}

// Position of element `index` of C order in a file of Fortran order.
class FortranOrder {
 public:
  explicit FortranOrder(const std::vector<size_t>& shape) : shape_(shape), index_(shape.size()) {
    size_t stride = 1;
    for (const size_t length : shape) {
      strides_.push_back(stride);
      stride *= length;
    }
  }
  // The place of the current element; steps on to the next.
  size_t next() {
    const size_t place = place_;
    for (size_t axis = shape_.size(); axis-- > 0;) {
      place_ += strides_[axis];
      if (++index_[axis] < shape_[axis]) break;
      place_ -= shape_[axis] * strides_[axis];
      index_[axis] = 0;
    }
    return place;
  }

 private:
  const std::vector<size_t>& shape_;
  std::vector<size_t> index_, strides_;
  size_t place_ = 0;
};

// The indices of the value that lies at `place`.
std::string index_text(size_t place, const std::vector<size_t>& shape, bool fortran_order) {
  std::vector<size_t> index(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) {
    const size_t axis = fortran_order ? i : shape.size() - 1 - i;
    index[axis] = place % shape[axis];
    place /= shape[axis];
  }
  std::string out;
  for (const size_t i : index) out += text(out.empty() ? "" : ", ", i);
  return "[" + out + "]";
}

void check_magic(std::string_view start, const std::string& where) {
  if (start.size() >= 10 && start.starts_with(kMagic)) return;
  if (start.starts_with("PK\x03\x04"))
    refuse(where,
           "is a zip archive (.npz or .pt), not a .npy file; save one array with numpy.save");
  refuse(where,
         text("is not a .npy file: it ", start.size() < 10 ? "is too short" : "starts otherwise"));
}

// A file, or one that is in memory.
struct Bytes {
  size_t size = 0;
  std::function<void(size_t offset, std::span<std::byte> to)> read;

  std::string text(size_t offset, size_t count) const {
    std::string out(count, '\0');
    read(offset, std::as_writable_bytes(std::span(out)));
    return out;
  }
};

NpySource source_in(const Bytes& file, const std::string& where) {
  const std::string start = file.text(0, std::min(file.size, size_t{12}));
  check_magic(start, where);
  const auto major = static_cast<uint8_t>(start[6]);
  const auto minor = static_cast<uint8_t>(start[7]);
  if (major < 1 || major > 3 || minor != 0)
    refuse(where,
           text("is of .npy version ", int{major}, ".", int{minor}, "; known are 1.0, 2.0, 3.0"));
  const size_t length_bytes = major == 1 ? 2 : 4, header_begin = 8 + length_bytes;
  if (file.size < header_begin) refuse(where, "ends within its header", "npy-truncated");
  const size_t header_length = unsigned_le(std::string_view(start).substr(8, length_bytes));
  if (header_length > file.size - header_begin)
    refuse(where, "ends within its header", "npy-truncated");
  if (header_length > kMostHeader)
    refuse(where, text("its header of ", header_length, " bytes is longer than ", kMostHeader));

  const NpyHeader header = parse_npy_header(file.text(header_begin, header_length), where);
  const size_t begin = header_begin + header_length;
  const Element type = element(header.descr, where);
  check_size(header, type.size, file.size - begin, where);
  NpySource source{header.shape, header.fortran_order, {}};
  source.read = [bytes = file.read, begin, type, header, where](size_t first, std::span<float> to) {
    std::vector<char> block(std::min(to.size(), kValuesAtOnce) * type.size);
    for (size_t at = 0; at < to.size(); at += kValuesAtOnce) {
      const size_t count = std::min(kValuesAtOnce, to.size() - at);
      bytes(begin + (first + at) * type.size,
            std::as_writable_bytes(std::span(block).first(count * type.size)));
      for (size_t i = 0; i < count; ++i) {
        const float value = type.read(block.data() + i * type.size);
        if (!std::isfinite(value))
          refuse(
              where,
              text("the value at ", index_text(first + at + i, header.shape, header.fortran_order),
                   " is NaN, infinite or beyond float32"),
              "npy-not-finite");
        to[at + i] = value;
      }
    }
  };
  return source;
}

NpyArray whole(const NpySource& source) {
  NpyArray array;
  array.shape = source.shape;
  size_t count = 1;
  for (const size_t length : array.shape) count *= length;
  array.values.resize(count);
  source.read(0, array.values);
  if (!source.fortran_order) return array;
  const std::vector<float> stored = std::move(array.values);
  array.values.resize(count);
  FortranOrder order(array.shape);
  for (float& value : array.values) value = stored[order.next()];
  return array;
}

}  // namespace

std::string shape_text(std::span<const size_t> shape) {
  std::string out;
  for (const size_t length : shape) out += text(out.empty() ? "" : ", ", length);
  return "(" + out + (shape.size() == 1 ? ",)" : ")");
}

NpySource open_npy(const std::filesystem::path& path) {
  const auto file = std::make_shared<InputFile>(path, kMostFile);
  const std::string where = path.string();
  if (file->regular())
    return source_in(
        {file->size(), [file](size_t offset, std::span<std::byte> to) { file->read(offset, to); }},
        where);
  const auto content = std::make_shared<const std::string>(file->content());
  return source_in({content->size(),
                    [content](size_t offset, std::span<std::byte> to) {
                      std::memcpy(to.data(), content->data() + offset, to.size());
                    }},
                   where);
}

NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& where) {
  return whole(source_in({bytes.size(),
                          [bytes](size_t offset, std::span<std::byte> to) {
                            std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                                        to.size(), to.begin());
                          }},
                         where));
}

NpyArray read_npy(const std::filesystem::path& path) { return whole(open_npy(path)); }

std::string npy_bytes(std::span<const size_t> shape, std::span<const float> values) {
  std::string header =
      text("{'descr': '<f4', 'fortran_order': False, 'shape': ", shape_text(shape), ", }");
  const size_t prefix = kMagic.size() + 4;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  std::string file(kMagic);
  file +=
      {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  file += header;
  file.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return file;
}

void write_npy(const std::filesystem::path& path, std::span<const size_t> shape,
               std::span<const float> values) {
  write_file_atomically(path, npy_bytes(shape, values));
}

}  // namespace fluvox::mel
