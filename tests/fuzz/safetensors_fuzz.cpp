// The container of model files.
#include "flow/safetensors.h"
#include "flow/safetensors_header.h"
#include "fuzz/fuzz.h"
#include "fuzz/input_file.h"

namespace fluvox::fuzz {
namespace {

void run(std::string_view input) {
  const InputFile file(input);
  const flow::Safetensors read = flow::read_safetensors(file.path());
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : read.tensors) bytes += tensor.bytes.size();
  expect(bytes <= input.size(), "no more bytes of tensors than of the file");
  const flow::SafetensorsHeader again = flow::parse_safetensors_header(
      flow::make_safetensors_header(read.tensors, read.metadata), bytes, "written again");
  expect(again.metadata == read.metadata, "the metadata, written and read: the same");
  expect(again.entries.size() == read.tensors.size(), "as many tensors, written and read");
  for (const flow::SafetensorsEntry& entry : again.entries)
    expect(read.tensors.at(entry.name).shape == entry.shape, "shapes, written and read: the same");
}

std::string file_of(const std::string& header, size_t data) {
  std::string file;
  for (size_t i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> 8 * i & 255);
  return file + header + std::string(data, '\x11');
}

std::vector<std::string> seeds() {
  return {file_of("{}", 0), file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
          file_of(R"({"__metadata__":{"fluvox":"{}","k":"v"},)"
                  R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
                  R"("a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
                  R"("none":{"dtype":"I64","shape":[0,7],"data_offsets":[16,16]}}   )",
                  16)};
}

}  // namespace

const Target safetensors = {"safetensors", run, seeds};

}  // namespace fluvox::fuzz
