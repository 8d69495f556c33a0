// NumPy arrays, and what is made of them as mels.
#include <array>

#include "fuzz/fuzz.h"
#include "mel/mel_file.h"
#include "mel/npy.h"

namespace fluvox::fuzz {
namespace {

void run(std::string_view input) {
  const auto parse = [](std::string_view bytes) {
    return mel::parse_npy(std::as_bytes(std::span(bytes)), "input");
  };
  const mel::NpyArray array = parse(input);
  const mel::NpyArray again = parse(mel::npy_bytes(array.shape, array.values));
  expect(again.shape == array.shape && again.values == array.values, "written and read: the same");
  mel::mel_of_array(array, 2, mel::Layout::automatic, "input");
}

std::string file_of(int version, std::string header, const std::string& data) {
  const size_t size_bytes = version == 1 ? 2 : 4;
  while ((8 + size_bytes + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  for (size_t i = 0; i < size_bytes; ++i) file += static_cast<char>(header.size() >> 8 * i & 255);
  return file + header + data;
}

std::vector<std::string> seeds() {
  const auto header = [](const std::string& type, const std::string& order,
                         const std::string& shape) {
    return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  };
  const std::string data(48, '\x3c');
  return {mel::npy_bytes(std::array<size_t, 2>{2, 3}, std::array<float, 6>{0, 1, 2, 3, 4, -5}),
          file_of(1, header("<f8", "False", "(1, 2, 3)"), data),
          file_of(2, header(">f4", "True", "(3, 2)"), data.substr(0, 24)),
          file_of(3, header("<f2", "False", "(2,)"), data.substr(0, 4)),
          file_of(1, header("<f4", "False", "()"), data.substr(0, 4)),
          file_of(1, header("|O", "False", "(1,)"), data.substr(0, 8))};
}

}  // namespace

const Target npy = {"npy", run, seeds};

}  // namespace fluvox::fuzz
