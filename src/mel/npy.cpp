#include "mel/npy.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/nearest.h"
#include "mel/npy_header.h"

namespace fluvox::mel {
namespace {

static_assert(std::endian::native == std::endian::little, "files are written as memory holds them");

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMostHeader = size_t{64} << 10;
constexpr size_t kMostFile = size_t{8} << 30;

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

// The product of the shape, once it is known that so many elements fit what is left of the file.
size_t count_elements(const NpyHeader& header, size_t size, size_t available,
                      const std::string& where) {
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
  return count;
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

std::string index_text(size_t place, const std::vector<size_t>& shape) {
  std::string out;
  for (size_t axis = shape.size(); axis-- > 0;) {
    out = text(place % shape[axis], out.empty() ? "" : ", ", out);
    place /= shape[axis];
  }
  return "[" + out + "]";
}

void check_magic(std::string_view file, const std::string& where) {
  if (file.size() >= 10 && file.starts_with(kMagic)) return;
  if (file.starts_with("PK\x03\x04"))
    refuse(where,
           "is a zip archive (.npz or .pt), not a .npy file; save one array with numpy.save");
  refuse(where,
         text("is not a .npy file: it ", file.size() < 10 ? "is too short" : "starts otherwise"));
}

}  // namespace

std::string shape_text(std::span<const size_t> shape) {
  std::string out;
  for (const size_t length : shape) out += text(out.empty() ? "" : ", ", length);
  return "(" + out + (shape.size() == 1 ? ",)" : ")");
}

NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& where) {
  const std::string_view file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  check_magic(file, where);
  const auto major = static_cast<uint8_t>(file[6]);
  const auto minor = static_cast<uint8_t>(file[7]);
  if (major < 1 || major > 3 || minor != 0)
    refuse(where,
           text("is of .npy version ", int{major}, ".", int{minor}, "; known are 1.0, 2.0, 3.0"));
  const size_t length_bytes = major == 1 ? 2 : 4;
  if (file.size() < 8 + length_bytes) refuse(where, "ends within its header", "npy-truncated");
  const size_t header_length = unsigned_le(file.substr(8, length_bytes));
  const std::string_view rest = file.substr(8 + length_bytes);
  if (header_length > rest.size()) refuse(where, "ends within its header", "npy-truncated");
  if (header_length > kMostHeader)
    refuse(where, text("its header of ", header_length, " bytes is longer than ", kMostHeader));

  const NpyHeader header = parse_npy_header(rest.substr(0, header_length), where);
  const std::string_view data = rest.substr(header_length);
  const Element type = element(header.descr, where);
  NpyArray array;
  const size_t count = count_elements(header, type.size, data.size(), where);
  array.shape = header.shape;
  array.values.resize(count);
  FortranOrder fortran(array.shape);
  for (size_t i = 0; i < count; ++i) {
    const size_t place = header.fortran_order ? fortran.next() : i;
    const float value = type.read(data.data() + place * type.size);
    if (!std::isfinite(value))
      refuse(
          where,
          text("the value at ", index_text(i, array.shape), " is NaN, infinite or beyond float32"),
          "npy-not-finite");
    array.values[i] = value;
  }
  return array;
}

NpyArray read_npy(const std::filesystem::path& path) {
  const std::string file = read_file(path, kMostFile);
  return parse_npy(std::as_bytes(std::span(file)), path.string());
}

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
