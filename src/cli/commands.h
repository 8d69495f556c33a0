// The commands, one file each. A new one is its file, a line here and a line in main.cpp.
#pragma once

#include "cli/program.h"

namespace fluvox::cli {

void add_bench(Program& program);
void add_convert(Program& program);
void add_decode(Program& program);
void add_devices(Program& program);
void add_encode(Program& program);
void add_evaluate(Program& program);
void add_info(Program& program);
void add_mel(Program& program);
void add_play(Program& program);
void add_plot(Program& program);
void add_prepare(Program& program);
void add_render(Program& program);
void add_score(Program& program);
void add_serve(Program& program);
void add_train(Program& program);

// Replaces this process by fluvox-train where the first argument is a command of its; returns when
// it is not.
void hand_over_training(int argc, char** argv);

}  // namespace fluvox::cli
