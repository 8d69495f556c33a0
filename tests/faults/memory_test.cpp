// The program with its n-th allocation failing, once and from there on: it says so in one sentence
// that is ready beforehand, ends with its exit code, and leaves nothing half-written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "mel/mel.h"
#include "mel/mel_file.h"
#include "support/io_faults.h"
#include "support/made_models.h"
#include "support/made_speech.h"

namespace fluvox {
namespace {

namespace fs = std::filesystem;
using support::contents;
using support::Ran;
using testing::HasSubstr;

using Contents = std::map<std::string, std::string>;
using Words = std::vector<std::string>;

constexpr const char* kSentence =
    "this machine has not enough memory for that; shorten the input or split it";

class WantOfMemory : public testing::Test {
 protected:
  WantOfMemory() {
    fs::create_directories(out_);
    const flow::Model model = support::small_compact();
    flow::write_model(folder_ / "model.safetensors", model.spec, model.tensors);
    const auto sound = support::made_speech(22050, 0.05, 1);
    audio::write_sound(folder_ / "a.wav", sound, 22050);
    mel::write_mel(folder_ / "a.npy", mel::analyse(sound, support::small_convention()),
                   support::small_convention());
  }

  struct Attempt {
    Ran ran;
    bool failed = false;  // there were so many allocations
  };
  Attempt attempt(const Words& command, long at, bool stays) const {
    const std::string report = folder_ / "report";
    fs::remove(report);
    Attempt made;
    made.ran = support::run_program(command, {.in_child = [&] {
                                      ::setenv("FLUVOX_MEMORY_AT", std::to_string(at).c_str(), 1);
                                      ::setenv("FLUVOX_MEMORY_REPORT", report.c_str(), 1);
                                      if (stays) ::setenv("FLUVOX_MEMORY_STAYS", "1", 1);
                                      ::setenv("LD_PRELOAD", FLUVOX_MEMORY_SHIM, 1);
                                      ::setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
                                    }});
    made.failed = fs::exists(report);
    return made;
  }

  // Each of the first allocations, then ever fewer.
  void sweep(Words command, bool stays) {
    command.insert(command.begin(), FLUVOX_PROGRAM);
    command.insert(command.end(), {"--threads", "1"});
    const bool json = std::count(command.begin(), command.end(), "--json") > 0;
    ASSERT_EQ(support::run_program(command).exit_code, 0);
    const Contents done = contents(out_);
    ASSERT_FALSE(done.empty());
    Contents older;
    for (const auto& [name, bytes] : done) older[name] = "older " + name;
    int ended = 0;
    for (long at = 1;; at += 1 + at / 24) {
      for (const auto& [name, bytes] : older) support::spill(out_ / name, bytes);
      const auto [ran, failed] = attempt(command, at, stays);
      SCOPED_TRACE(command[1] + ", allocation " + std::to_string(at) + "\n" + ran.err);
      const Contents left = contents(out_);
      if (ran.exit_code == 0) {
        EXPECT_EQ(left, done);
        EXPECT_TRUE(!stays || !failed);
      } else {
        ++ended;
        EXPECT_EQ(ran.exit_code, 3);
        const std::string said = json ? "{\"error\":{\"code\":\"out-of-memory\",\"message\":\"" +
                                            std::string(kSentence) + "\"}}\n"
                                      : "error: " + std::string(kSentence) + "\n";
        EXPECT_TRUE(ran.err.ends_with(said));
        EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1);
        for (const auto& [name, bytes] : left) {
          ASSERT_TRUE(done.contains(name)) << "left behind: " << name;
          EXPECT_TRUE(bytes == older.at(name) || bytes == done.at(name)) << "torn: " << name;
        }
      }
      if (!failed) break;
      if (HasFailure()) return;
    }
    EXPECT_GT(ended, 20);
  }

  support::TempFolder folder_;
  const fs::path out_ = folder_ / "out";
};

TEST_F(WantOfMemory, Render) {
  const Words command = {"render",          "-q", "-m",          folder_ / "model.safetensors",
                         folder_ / "a.npy", "-o", out_ / "a.wav"};
  sweep(command, false);
  Words as_json = command;
  as_json.push_back("--json");
  sweep(as_json, true);
}

TEST_F(WantOfMemory, Mel) { sweep({"mel", "-q", folder_ / "a.wav", "-o", out_ / "a.npy"}, true); }

}  // namespace
}  // namespace fluvox
