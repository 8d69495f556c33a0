// Rendering a mel file takes the memory that it takes, however long the mel.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "flow/model_file.h"
#include "mel/npy.h"
#include "support/made_models.h"
#include "support/run_program.h"
#include "support/sanitized.h"

namespace fluvox {
namespace {

// Of a process at work, in KiB; 0 where it is no more.
long most_resident(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  return 0;
}

class Length : public testing::Test {
 protected:
  Length() {
    const flow::Model model = support::small_compact();
    flow::write_model(folder_ / "model.safetensors", model.spec, model.tensors);
  }

  // The most memory, in KiB, that rendering a mel of so many frames has held.
  long memory_of(size_t frames, bool by_band, const std::string& chunk) {
    const std::vector<size_t> shape =
        by_band ? std::vector<size_t>{8, frames} : std::vector<size_t>{frames, 8};
    mel::write_npy(folder_ / "mel.npy", shape, support::random_values(8 * frames, 1, 1));
    std::vector<std::string> command = {FLUVOX_PROGRAM,
                                        "render",
                                        "-q",
                                        "--threads",
                                        "1",
                                        "-m",
                                        folder_ / "model.safetensors",
                                        folder_ / "mel.npy",
                                        "-o",
                                        folder_ / "out.wav"};
    if (chunk != "0") command.insert(command.end(), {"--chunk", chunk});
    long most = 0;
    support::RunWith watched;
    watched.while_running = [&](pid_t process) {
      siginfo_t ended{};
      while (::waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOHANG | WNOWAIT) ==
                 0 &&
             ended.si_pid == 0) {
        most = std::max(most, most_resident(process));
        ::usleep(500);
      }
    };
    const support::Ran ran = support::run_program(command, watched);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return most;
  }

  support::TempFolder folder_;
};

TEST_F(Length, AMelFileIsNeverInMemory) {
  if (support::kSanitized) GTEST_SKIP() << "a sanitizer keeps what was freed";
  const size_t few = 2'000, many = 100'000;  // 3.2 MB of mel, 3.2 MB of samples
  for (const bool by_band : {false, true}) {
    const std::string chunk = by_band ? "500" : "0";
    const long before = memory_of(few, by_band, chunk);
    EXPECT_GT(before, 1'000);
    EXPECT_LT(memory_of(many, by_band, chunk), before + 1'000) << "KiB";
  }
}

}  // namespace
}  // namespace fluvox
