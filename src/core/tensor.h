// A named array on the host, as a model file or a checkpoint holds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fluvox {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

size_t size_of(DType type);
const char* name_of(DType type);  // "F32", as safetensors spells it
std::optional<DType> dtype_named(std::string_view name);
bool is_floating(DType type);

// The product of the shape; nothing when an entry is negative or the product does not fit.
std::optional<size_t> count_of(std::span<const int64_t> shape);
std::string describe_shape(std::span<const int64_t> shape);  // "[512, 256, 3]"

struct HostTensor {
  DType type = DType::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;  // row-major, little-endian

  size_t count() const;
  // Converted from any floating type; an error for the others. F16 and BF16 are exact, F64 is
  // rounded to the nearest float, infinite beyond its range.
  std::vector<float> floats() const;
  static HostTensor of(const std::vector<float>& values, std::vector<int64_t> shape);

  bool operator==(const HostTensor&) const = default;
};

using Tensors = std::map<std::string, HostTensor>;

}  // namespace fluvox
