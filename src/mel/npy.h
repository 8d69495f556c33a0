// NumPy's .npy files, read as hostile input: every size is checked against the file's own before
// memory is taken. Reads float16, float32 and float64 of either byte order, in C or Fortran order,
// header versions 1 to 3; what is not a finite number is refused with its place. Writes
// little-endian float32 in C order.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace fluvox::mel {

struct NpyArray {
  std::vector<size_t> shape;
  std::vector<float> values;  // C order: the last index runs fastest
};

// An array whose values are read where they are asked for, so that memory does not grow with it.
struct NpySource {
  std::vector<size_t> shape;
  bool fortran_order = false;  // the first index runs fastest; else the last
  // The values as they lie in the file, from the one at `first` on.
  std::function<void(size_t first, std::span<float> to)> read;
};
// The size of the file is held against the header; what is not finite is refused when it is read.
NpySource open_npy(const std::filesystem::path& path);

// `where` names the file in messages.
NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& where);
NpyArray read_npy(const std::filesystem::path& path);

// The bytes of a file; `values` holds the product of `shape`.
std::string npy_bytes(std::span<const size_t> shape, std::span<const float> values);
// Atomic: the file is there whole or not at all.
void write_npy(const std::filesystem::path& path, std::span<const size_t> shape,
               std::span<const float> values);

// "(80, 512)"
std::string shape_text(std::span<const size_t> shape);

}  // namespace fluvox::mel
