// Sound files, all formats that libsndfile reads. Its own code is not instrumented where it comes
// as a shared library; the checks before and after it are.
#include "audio/sound_file.h"
#include "fuzz/fuzz.h"
#include "fuzz/input_file.h"
#include "support/made_wav.h"
#include "support/temp_folder.h"

namespace fluvox::fuzz {
namespace {

void run(std::string_view input) {
  const InputFile file(input);
  const audio::Sound sound = audio::read_sound(file.path());
  expect(!sound.samples.empty(), "sound that is taken has samples");
  expect(sound.rate >= audio::kLowestRate && sound.rate <= audio::kHighestRate, "a rate of sound");
}

std::string be(std::uint64_t value, int bytes) {
  const std::string little = support::little_endian(value, bytes);
  return {little.rbegin(), little.rend()};
}

std::vector<std::string> seeds() {
  std::vector<float> samples(64);
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = 0.01f * static_cast<float>(i * 7 % 19);
  const support::TempFolder folder;
  std::vector<std::string> made;
  for (const char* name : {"a.wav", "a.flac", "a.ogg", "a.opus"}) {
    audio::write_sound(folder / name, samples, 8000);
    made.push_back(support::slurp(folder / name));
  }
  using support::MadeWav;
  const std::string data(24, '\x3c');
  made.push_back(MadeWav{.code = 3, .channels = 2, .bits = 32, .data = data}.bytes());
  made.push_back(MadeWav{.bits = 24, .data = data}.bytes());
  made.push_back(MadeWav{.code = 7, .bits = 8, .data = data}.bytes());  // u-law
  made.push_back(MadeWav{.bits = 16, .data = data, .claimed = ~0U}.bytes());
  made.push_back(".snd" + be(24, 4) + be(24, 4) + be(3, 4) + be(8000, 4) + be(1, 4) + data);
  made.push_back("FORM" + be(70, 4) + "AIFFCOMM" + be(18, 4) + be(1, 2) + be(12, 4) + be(16, 2) +
                 "\x40\x0b\xfa" + std::string(7, '\0') + "SSND" + be(32, 4) + be(0, 8) + data);
  return made;
}

}  // namespace

const Target sound = {"sound", run, seeds};

}  // namespace fluvox::fuzz

// libsndfile 1.2 keeps a vorbis_info when an Ogg file turns out malformed while it is opened.
extern "C" const char* __lsan_default_suppressions() { return "leak:libvorbis.so\n"; }
