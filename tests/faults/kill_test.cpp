// SIGKILL after every call of a batch that changes a file, then the same command with --resume: the
// results are those of a run that nothing stopped, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>

#include "audio/sound_file.h"
#include "flow/model_file.h"
#include "support/io_faults.h"
#include "support/made_models.h"
#include "support/made_speech.h"

namespace fluvox {
namespace {

namespace fs = std::filesystem;
using Contents = std::map<std::string, std::string>;

// What a killed process leaves of the file at work has a name of its own.
bool is_temporary(const std::string& name) {
  return fs::path(name).filename().string().starts_with(".fluvox-");
}

Contents finished(const fs::path& folder) {
  Contents all = support::contents(folder);
  std::erase_if(all, [](const auto& entry) { return is_temporary(entry.first); });
  return all;
}

TEST(Kill, ABatchKilledAfterAnyCallIsResumedToTheSameResults) {
  const support::TempFolder folder;
  const fs::path in = folder / "in", out = folder / "out";
  fs::create_directories(in);
  const std::string model = folder / "model.safetensors";
  const flow::Model made = support::small_compact();
  flow::write_model(model, made.spec, made.tensors);
  for (const char* name : {"a.wav", "b.wav", "c.wav"})
    audio::write_sound(in / name, support::made_speech(22050, 0.1, static_cast<unsigned>(name[0])),
                       22050);
  const std::vector<std::string> command = {
      FLUVOX_PROGRAM, "render", "-m", model, in, "-d", out, "--resume", "-q", "--threads", "1"};
  ASSERT_EQ(support::run_program(command).exit_code, 0);
  const Contents whole = finished(out);
  ASSERT_EQ(std::count_if(whole.begin(), whole.end(),
                          [](const auto& entry) { return entry.first.ends_with(".wav"); }),
            3);
  int at = 1;
  for (;; ++at) {
    ASSERT_LE(at, 200);
    fs::remove_all(out);
    const auto [ran, failed] = support::run_with_fault(
        command, FLUVOX_IO_SHIM,
        {.under = folder.path(), .at = at, .code = 0, .calls = support::kChangingCalls});
    if (failed.empty()) {
      EXPECT_EQ(ran.exit_code, 0);
      break;
    }
    SCOPED_TRACE("killed after " + failed);
    EXPECT_EQ(ran.exit_code, -SIGKILL);
    fs::create_directories(out);
    for (const auto& [name, bytes] : finished(out)) EXPECT_EQ(bytes, whole.at(name)) << name;
    const support::Ran resumed = support::run_program(command);
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(finished(out), whole);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(at, 30);
}

}  // namespace
}  // namespace fluvox
