// fluvox devices: what can play here, and the GPUs that can render.
#include <cstdio>
#include <memory>

#include "audio/player.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "core/config.h"
#include "core/error.h"
#include "core/output.h"
#include "cuda/gpus.h"

namespace fluvox::cli {
namespace {

int run(const Flags& flags) {
  const auto devices = audio::list_devices();
  const std::vector<std::string> gpus = cuda::find_gpus().names;
  for (size_t i = 0; i < gpus.size(); ++i) {
    const std::string name = text("cuda:", i);
    const Json json = {{"device", name}, {"name", gpus[i]}};
    write_stdout((flags.json ? json.dump(-1, ' ', false, Json::error_handler_t::replace)
                             : text("  ", name, "  ", gpus[i], " (render --device)")) +
                 "\n");
  }
  if (devices.empty() && gpus.empty() && !flags.json)
    throw Error(Fault::device, "no-device",
                "no audio output device was found: render to a file with "
                "`fluvox render ... -o out.wav`, or start a sound server");
  for (const audio::AudioDevice& d : devices) {
    const Json json = {{"index", d.index},
                       {"name", d.name},
                       {"host", d.host},
                       {"channels", d.channels},
                       {"rate", d.rate},
                       {"low_latency", d.low_latency},
                       {"high_latency", d.high_latency},
                       {"default", d.is_default}};
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, ", %d channels, %d Hz, latency %.0f..%.0f ms",
                  d.channels, d.rate, 1000 * d.low_latency, 1000 * d.high_latency);
    write_stdout((flags.json ? json.dump(-1, ' ', false, Json::error_handler_t::replace)
                             : text(d.is_default ? "* " : "  ", d.index, "  ", d.name, " (", d.host,
                                    ")", numbers)) +
                 "\n");
  }
  return 0;
}

}  // namespace

void add_devices(Program& program) {
  CLI::App& command = program.command(
      "devices", "the devices that can play, and the GPUs that can render", "  fluvox devices");
  const auto flags = std::make_shared<Flags>();
  json_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
