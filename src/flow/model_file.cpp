#include "flow/model_file.h"

#include <utility>

#include "core/strict_json.h"
#include "flow/safetensors.h"

namespace fluvox::flow {
namespace {

constexpr const char* kMetadataKey = "fluvox";
constexpr const char* kHashKey = "sha256";

void check_format(const Json& json, const std::string& where) {
  const auto format = json.find("format");
  if (format == json.end() || *format != kSpecFormat)
    throw Error(Fault::input, "model-format-unknown",
                text(where, ": expected format version ", kSpecFormat, ", found ",
                     format == json.end() ? "none" : format->dump().substr(0, 40),
                     "; a newer fluvox may read it"));
}

// The spec as it will stand in a file. What could not be read back is refused before anything is
// written: a number that is not finite has no JSON, a text that is not UTF-8 neither.
Json writable(const Spec& spec) {
  std::string source;
  try {
    source = to_json(spec).dump();
  } catch (const Json::exception& error) {
    throw Error(Fault::input, "spec-invalid", text("the spec cannot be written: ", error.what()));
  }
  Json json = parse_json(source, "the spec to be written");
  check_format(json, "the spec to be written");
  from_json<Spec>(json, "the spec to be written");
  return json;
}

Model model_of(Safetensors file, const std::string& name) {
  const auto found = file.metadata.find(kMetadataKey);
  if (found == file.metadata.end())
    throw Error(Fault::input, "model-missing",
                text(name, ": not a Fluvox model: its metadata has no '", kMetadataKey,
                     "'; `fluvox convert` imports checkpoints of other programs"));
  const std::string where = name + ": spec";
  Json json = parse_json(found->second, where);
  if (!json.is_object())
    throw Error(Fault::input, "spec-invalid", where + ": expected an object of named values");
  check_format(json, where);

  const auto stored = json.find(kHashKey);
  if (stored == json.end() || !stored->is_string())
    throw Error(
        Fault::input, "model-hash-missing",
        text(where, ": expected the SHA-256 of the content as '", kHashKey, "', found none"));
  const auto expected = stored->get<std::string>();
  json.erase(kHashKey);
  const std::string actual = hash_content(json.dump(), file.tensors);
  if (actual != expected)
    throw Error(Fault::input, "model-hash-mismatch",
                text(name, ": expected content with SHA-256 ", in_quotes(expected), ", found \"",
                     actual, "\": the file was damaged or changed; copy or download it again"));
  return {from_json<Spec>(json, where), std::move(file.tensors), actual};
}

}  // namespace

std::string hash_of(const Spec& spec, const Tensors& tensors) {
  return hash_content(writable(spec).dump(), tensors);
}

Model read_model(const std::filesystem::path& path) {
  return model_of(read_safetensors(path), path.string());
}

Model read_model(std::span<const std::byte> bytes, const std::string& name) {
  return model_of(read_safetensors(bytes, name), name);
}

void write_model(const std::filesystem::path& path, const Spec& spec, const Tensors& tensors) {
  Json json = writable(spec);
  json[kHashKey] = hash_content(json.dump(), tensors);
  write_safetensors(path, tensors, {{kMetadataKey, json.dump()}});
}

}  // namespace fluvox::flow
