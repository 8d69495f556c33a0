// One target as a libFuzzer program; FLUVOX_FUZZ_TARGET is its name. `--seeds FOLDER` as the only
// arguments writes the target's seeds there.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fuzz/fuzz.h"

using fluvox::fuzz::FLUVOX_FUZZ_TARGET;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc != 3 || std::string_view((*argv)[1]) != "--seeds") return 0;
  const std::filesystem::path folder = (*argv)[2];
  int number = 0;
  for (const std::string& seed : FLUVOX_FUZZ_TARGET.seeds())
    std::ofstream(folder / ("seed-" + std::to_string(number++)), std::ios::binary) << seed;
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fluvox::fuzz::feed(FLUVOX_FUZZ_TARGET, {reinterpret_cast<const char*>(data), size});
  return 0;
}
