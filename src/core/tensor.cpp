#include "core/tensor.h"

#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/error.h"

namespace fluvox {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are stored as memory holds them");

struct Row {
  DType type;
  const char* name;
  size_t size;
};

constexpr Row kTypes[] = {{DType::f64, "F64", 8}, {DType::f32, "F32", 4},
                          {DType::f16, "F16", 2}, {DType::bf16, "BF16", 2},
                          {DType::i64, "I64", 8}, {DType::i32, "I32", 4},
                          {DType::i16, "I16", 2}, {DType::i8, "I8", 1},
                          {DType::u8, "U8", 1},   {DType::boolean, "BOOL", 1}};

const Row& row(DType type) {
  for (const Row& candidate : kTypes)
    if (candidate.type == type) return candidate;
  throw std::logic_error("a DType that is none");
}

// IEEE binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. Every value is a float.
float from_f16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 31u;
  const uint32_t fraction = half & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent > 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // subnormal, or zero
  return sign ? -magnitude : magnitude;
}

float from_bf16(uint16_t upper) { return std::bit_cast<float>(static_cast<uint32_t>(upper) << 16); }

template <class Stored, class Convert>
std::vector<float> converted(const std::vector<std::byte>& bytes, Convert convert) {
  std::vector<float> values(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(stored);
  }
  return values;
}

}  // namespace

size_t size_of(DType type) { return row(type).size; }
const char* name_of(DType type) { return row(type).name; }

std::optional<DType> dtype_named(std::string_view name) {
  for (const Row& candidate : kTypes)
    if (candidate.name == name) return candidate.type;
  return std::nullopt;
}

bool is_floating(DType type) {
  return type == DType::f64 || type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

std::optional<size_t> count_of(std::span<const int64_t> shape) {
  size_t count = 1;
  for (const int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(count, static_cast<size_t>(extent), &count))
      return std::nullopt;
  return count;
}

std::string describe_shape(std::span<const int64_t> shape) {
  std::string listed;
  for (const int64_t extent : shape)
    listed += (listed.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + listed + "]";
}

size_t HostTensor::count() const {
  const std::optional<size_t> count = count_of(shape);
  if (!count)
    throw Error(Fault::input, "tensor-shape",
                "no tensor can have the shape " + describe_shape(shape));
  return *count;
}

std::vector<float> HostTensor::floats() const {
  if (!is_floating(type))
    throw Error(Fault::input, "tensor-type",
                text("expected a tensor of F64, F32, F16 or BF16, found ", name_of(type)));
  // Divided, not multiplied: the size of a shape that fits may still not fit in bytes.
  if (bytes.size() % size_of(type) != 0 || bytes.size() / size_of(type) != count())
    throw Error(Fault::input, "tensor-size",
                text("a tensor of ", name_of(type), " with shape ", describe_shape(shape),
                     " holds ", bytes.size(), " bytes"));
  switch (type) {
    case DType::f64:
      return converted<double>(bytes, [](double v) { return static_cast<float>(v); });
    case DType::f16:
      return converted<uint16_t>(bytes, from_f16);
    case DType::bf16:
      return converted<uint16_t>(bytes, from_bf16);
    default:
      return converted<float>(bytes, [](float v) { return v; });
  }
}

HostTensor HostTensor::of(const std::vector<float>& values, std::vector<int64_t> shape) {
  if (count_of(shape) != values.size())
    throw std::logic_error(
        text(values.size(), " values for a tensor of shape ", describe_shape(shape)));
  HostTensor tensor{DType::f32, std::move(shape), {}};
  const auto bytes = std::as_bytes(std::span(values));
  tensor.bytes.assign(bytes.begin(), bytes.end());
  return tensor;
}

}  // namespace fluvox
