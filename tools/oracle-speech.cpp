// fluvox-oracle-speech FOLDER CLIPS SECONDS SEED: source-filter speech whose exact density is known
// (tests/support/oracles/speech.h), as tools/make-corpus --oracle writes it.
//
//   FOLDER/wavs/oracle-000000.wav       32-bit floats at 8000 Hz: y = kLevel x, rounded to float
//   FOLDER/features/oracle-000000.npy   what drives it, [22 bands][frames of 256 samples]
//   FOLDER/optimum.jsonl                a line a clip: nats, of the samples as they are in the file
//                                       given the features: sum log p(y / kLevel | c) - n ln
//                                       kLevel; and what that is expected to be, -h(x|c) - ln
//                                       kLevel
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "audio/sound_file.h"
#include "core/atomic_file.h"
#include "core/config.h"
#include "core/error.h"
#include "mel/npy.h"
#include "support/oracles/speech.h"

namespace fluvox {
namespace {

constexpr int kRate = 8000, kHop = 256;
constexpr double kLevel = 0.25;  // keeps the samples within full scale

int number(const char* word, int least) {
  char* end = nullptr;
  const long value = std::strtol(word, &end, 10);
  if (*end != '\0' || value < least || value > 10'000'000)
    throw Error(Fault::usage, "usage",
                text("expected a number from ", least, ", found '", word, "'"));
  return static_cast<int>(value);
}

Json write_clip(const oracles::SourceFilterSpeech& speech, oracles::Clip clip,
                const std::filesystem::path& folder, const std::string& name) {
  std::vector<float> samples;
  for (double& x : clip.x) {
    samples.push_back(static_cast<float>(kLevel * x));
    x = samples.back() / kLevel;  // what the file holds
  }
  const std::vector<double> log_p = speech.log_density(clip);
  const auto count = static_cast<double>(samples.size());
  const double nats = std::accumulate(log_p.begin(), log_p.end(), 0.0) - count * std::log(kLevel);
  audio::write_sound(folder / "wavs" / (name + ".wav"), samples, kRate, audio::Encoding::f32);
  const std::vector<size_t> shape = {static_cast<size_t>(clip.bands),
                                     static_cast<size_t>(clip.frames)};
  mel::write_npy(folder / "features" / (name + ".npy"), shape,
                 std::vector<float>(clip.features.begin(), clip.features.end()));
  return {{"name", name},
          {"samples", samples.size()},
          {"nats", nats},
          {"nats_per_sample", nats / count},
          {"expected_nats_per_sample", -speech.entropy(clip) - std::log(kLevel)}};
}

void run(int argc, char** argv) {
  if (argc != 5) throw Error(Fault::usage, "usage", "expected FOLDER CLIPS SECONDS SEED");
  const std::filesystem::path folder = argv[1];
  const int clips = number(argv[2], 1), seconds = number(argv[3], 1), seed = number(argv[4], 0);
  std::filesystem::create_directories(folder / "wavs");
  std::filesystem::create_directories(folder / "features");
  const oracles::SourceFilterSpeech speech(kHop);
  const int samples = seconds * kRate / kHop * kHop;
  std::string lines;
  for (int i = 0; i < clips; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "oracle-%06d", i);
    const auto clip = speech.draw(static_cast<uint64_t>(seed), static_cast<uint64_t>(i), samples);
    lines += write_clip(speech, clip, folder, name).dump() + "\n";
  }
  write_file_atomically(folder / "optimum.jsonl", lines);
  std::printf("%s\n", folder.c_str());
}

}  // namespace
}  // namespace fluvox

int main(int argc, char** argv) {
  try {
    fluvox::run(argc, argv);
    return 0;
  } catch (const fluvox::Error& error) {
    std::fprintf(stderr, "fluvox-oracle-speech: %s\n", error.what());
    return error.exit_code();
  } catch (const std::filesystem::filesystem_error& error) {
    std::fprintf(stderr, "fluvox-oracle-speech: %s\n", error.what());
    return static_cast<int>(fluvox::Fault::io);
  }
}
