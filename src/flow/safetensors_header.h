// The JSON header of a safetensors file, parsed without building a tree and checked entry by entry.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "flow/safetensors.h"

namespace fluvox::flow {

inline constexpr uint64_t kMaxHeader = 100'000'000;  // bytes, as the format has it
inline constexpr size_t kMaxEntries = 100'000;       // tensors, and strings of metadata
inline constexpr size_t kMaxRank = 64;

struct SafetensorsEntry {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // in the data
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry>
      entries;  // in the order of the data, of which they leave no byte over
  Metadata metadata;
};

// `data` is the number of bytes after the header; `file` names the file in messages.
SafetensorsHeader parse_safetensors_header(std::string_view header, uint64_t data,
                                           const std::string& file);

// Padded, so that 8 bytes of length and the header end at a multiple of 8.
std::string make_safetensors_header(const Tensors& tensors, const Metadata& metadata);

}  // namespace fluvox::flow
