// fluvox: the program of the runtime. Training is handed to fluvox-train (train.cpp).
#include "cli/commands.h"
#include "core/cpu.h"
#include "core/error.h"
#include "fluvox_version.h"

namespace {

std::string version_text() {
  return fluvox::text("fluvox ", FLUVOX_VERSION, " (commit ", FLUVOX_COMMIT,
                      ")\nprocessor: ", fluvox::cpu_name(), "; ",
                      fluvox::describe(fluvox::cpu_features()));
}

}  // namespace

int main(int argc, char** argv) {
  namespace cli = fluvox::cli;
  cli::Program program("fluvox",
                       "A neural vocoder: mel spectrograms to speech with normalizing flows.",
                       version_text());
  cli::add_render(program);
  cli::add_play(program);
  cli::add_mel(program);
  cli::add_score(program);
  cli::add_info(program);
  cli::add_plot(program);
  cli::add_devices(program);
  cli::add_train(program);
  return program.run(argc, argv, cli::hand_over_training);
}
