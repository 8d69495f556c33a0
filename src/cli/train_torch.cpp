// fluvox-train: the commands that need LibTorch. `fluvox train ...` runs it.
#include <iostream>

#include "core/toml.h"
#include "train/trainer.h"
#include "core/signals.h"

int main(int argc, char** argv) {
  fluvox::install_signal_handlers();
  try {
  fluvox::Json json = fluvox::read_toml(argv[1]);
  fluvox::train::TrainOptions options;
  for (int i = 3; i < argc; ++i) {
    if (std::string(argv[i]) == "--resume") options.resume = true;
    else fluvox::set_value(json, argv[i]);
  }
  auto settings = fluvox::from_json<fluvox::train::TrainSettings>(json, "");
  fluvox::train::Trainer trainer(settings, argv[2], options);
  trainer.run();
  } catch (const std::exception& e) { std::cerr << e.what() << "\n"; return 1; } catch (const fluvox::Interrupted&) { return 130; }
}
