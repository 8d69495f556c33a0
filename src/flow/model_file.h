// A model file: one .safetensors with the weights, and the spec as JSON in its metadata
// (`__metadata__.fluvox`). `sha256` in it covers the spec and every tensor (name, type, shape,
// bytes) and is checked on reading, so that a flipped bit anywhere that matters is refused instead
// of heard. It is hash_content (safetensors.h) of the spec's JSON, written without spaces and
// without `sha256` itself, and the tensors.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "core/tensor.h"
#include "flow/spec.h"

namespace fluvox::flow {

struct Model {
  Spec spec;
  Tensors tensors;
  std::string sha256;  // as written or checked
};

Model read_model(const std::filesystem::path& path);
// The same of a file that is in memory already; `name` stands for it in messages.
Model read_model(std::span<const std::byte> bytes, const std::string& name);
void write_model(const std::filesystem::path& path, const Spec& spec,
                 const Tensors& tensors);  // atomic

// What a model file with this content is known by.
std::string hash_of(const Spec& spec, const Tensors& tensors);

}  // namespace fluvox::flow
