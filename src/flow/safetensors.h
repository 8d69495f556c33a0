// The safetensors format: named tensors and a few strings in one file that can hold no code.
//
//   8 bytes        N, little-endian
//   N bytes        JSON: {"__metadata__": {"key": "value"}, "name": {"dtype": "F32", "shape": [2,
//   3],
//                  "data_offsets": [begin, end]}, ...}, then spaces
//   the rest       the tensors' bytes, row-major, little-endian; offsets count from here
//
// The reader trusts nothing: every byte must belong to exactly one tensor, no name stands twice,
// and memory stays below the size of the file plus a constant. The file must be a regular one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace fluvox::flow {

using Metadata = std::map<std::string, std::string>;

struct Safetensors {
  Tensors tensors;
  Metadata metadata;
};

Safetensors read_safetensors(const std::filesystem::path& path);
// The same of a file that is in memory already; `name` stands for it in messages.
Safetensors read_safetensors(std::span<const std::byte> bytes, const std::string& name);

// Atomic. Tensors lie in the order of their names, the data starts at a multiple of 8 bytes.
void write_safetensors(const std::filesystem::path& path, const Tensors& tensors,
                       const Metadata& metadata);

// SHA-256 of a text and of every tensor's name, type, shape and bytes. Each text is preceded by its
// length and each list by its count, as 8 bytes little-endian, so that no two contents give the
// same stream:
//   text, number of tensors, then by name: name, type, number of extents, extents, bytes
std::string hash_content(std::string_view about, const Tensors& tensors);

}  // namespace fluvox::flow
