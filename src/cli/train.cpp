// The training commands live in a program of their own, which needs LibTorch. It is found beside
// this one, or on PATH, and takes the arguments as they are.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "cli/commands.h"
#include "core/error.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

constexpr std::array<std::string_view, 2> kHandedOver{"train", "distill"};
constexpr const char* kProgram = "fluvox-train";

// Returns only where there is no such program.
void replace_by(const std::string& file, char** argv) {
  ::execvp(file.c_str(), argv);
  if (errno != ENOENT && errno != ENOTDIR)
    throw Error(Fault::io, "training-unstartable",
                text("cannot start ", file, ": ", std::strerror(errno)));
}

}  // namespace

void hand_over_training(int argc, char** argv) {
  if (argc < 2 || std::find(kHandedOver.begin(), kHandedOver.end(), argv[1]) == kHandedOver.end())
    return;
  std::error_code unknown;
  const fs::path self = fs::read_symlink("/proc/self/exe", unknown);
  if (!unknown) replace_by((self.parent_path() / kProgram).string(), argv);
  replace_by(kProgram, argv);
  throw Error(Fault::usage, "no-training-side",
              text("'", argv[1], "' needs ", kProgram, ", which is neither beside ", self.string(),
                   " nor on PATH: build Fluvox with -DFLUVOX_TRAINING=ON (it needs LibTorch)"));
}

void add_train(Program& program) {
  // Listed in the help; hand_over_training() takes it before it is parsed.
  program.command("train", "train a model on recordings (by fluvox-train, where it is built)",
                  "  fluvox train --help");
  program.command("distill", "train a parallel student from a teacher (by fluvox-train)",
                  "  fluvox distill --help");
}

}  // namespace fluvox::cli
