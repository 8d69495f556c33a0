// fluvox: the program of the runtime. Training is handed to fluvox-train (train.cpp).
#include <cstdlib>

#include "cli/commands.h"
#include "core/cpu.h"
#include "core/error.h"
#include "fluvox_version.h"
#include "kernels/isa.h"

namespace {

std::string version_text() {
  return fluvox::text("fluvox ", FLUVOX_VERSION, " (commit ", FLUVOX_COMMIT,
                      ")\nprocessor: ", fluvox::cpu_name(), "; ",
                      fluvox::describe(fluvox::cpu_features()));
}

// FLUVOX_ISA=scalar|avx2|avx512|avx512bf16|amx forces an instruction set (kernels/isa.h).
void choose_isa() {
  namespace kernels = fluvox::kernels;
  const char* name = std::getenv("FLUVOX_ISA");
  if (!name) return;
  kernels::Isa isa;
  if (!kernels::isa_from_name(name, &isa) || !kernels::set_isa(isa))
    throw fluvox::Error(fluvox::Fault::usage, "isa-unavailable",
                        fluvox::text("FLUVOX_ISA: expected scalar, avx2, avx512, avx512bf16 or amx "
                                     "where this machine has it, "
                                     "found '",
                                     name, "'"));
}

}  // namespace

int main(int argc, char** argv) {
  namespace cli = fluvox::cli;
  cli::expect_want_of_memory(argc, argv);
  cli::Program program("fluvox",
                       "A neural vocoder: mel spectrograms to speech with normalizing flows.",
                       version_text());
  cli::add_render(program);
  cli::add_serve(program);
  cli::add_play(program);
  cli::add_mel(program);
  cli::add_score(program);
  cli::add_encode(program);
  cli::add_decode(program);
  cli::add_convert(program);
  cli::add_info(program);
  cli::add_plot(program);
  cli::add_devices(program);
  cli::add_bench(program);
  cli::add_evaluate(program);
  cli::add_prepare(program);
  cli::add_train(program);
  return program.run(argc, argv, [](int count, char** arguments) {
    choose_isa();
    cli::hand_over_training(count, arguments);
  });
}
