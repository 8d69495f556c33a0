// The flags that commands share, each registered in one place. A command takes those it needs:
//
//   auto flags = std::make_shared<Flags>();
//   model_flag(command, *flags);
//   report_flags(command, *flags);
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/progress.h"

namespace fluvox::cli {

struct Flags {
  std::vector<std::string> inputs;  // as given; gather_inputs() adds those of list
  std::string list;
  std::string model;
  std::string output, folder;
  uint64_t seed = 0;
  std::optional<double> sigma;
  std::string noise;
  std::string layout = "auto";
  int threads = 0;
  std::string precision = "fp32";
  std::string device = "cpu";  // of the commands that take --device for a processor
  std::string encoding = "s16";
  bool json = false, quiet = false;
  std::string progress = "auto";
};

void input_flags(CLI::App& command, Flags& flags, const std::string& what);  // arguments, -f
void model_flag(CLI::App& command, Flags& flags);                            // -m, --model
void layout_flag(CLI::App& command, Flags& flags);                           // --layout
void output_flag(CLI::App& command, Flags& flags, const std::string& what);  // -o, --output
void folder_flag(CLI::App& command, Flags& flags, const std::string& what);  // -d, --folder
void seed_flag(CLI::App& command, Flags& flags);                             // --seed
void sigma_flag(CLI::App& command, Flags& flags);                            // --sigma
void noise_flag(CLI::App& command, Flags& flags);                            // --noise
void chunk_flag(CLI::App& command, int& chunk);                              // --chunk
void precision_flag(CLI::App& command, Flags& flags);                        // --precision
void device_flag(CLI::App& command, Flags& flags, const std::string& does);
void processor_flag(CLI::App& command, Flags& flags);  // --device, too
void threads_flag(CLI::App& command, Flags& flags);    // --threads
void encoding_flag(CLI::App& command, Flags& flags);   // --encoding
void json_flag(CLI::App& command, Flags& flags);       // --json
void report_flags(CLI::App& command, Flags& flags);    // --progress, -q, -v; they act when parsed

ProgressMode progress_mode(const Flags& flags);

// The arguments, then the lines of the list of -f ("-" is stdin), blank lines left out. None at
// all is an error.
std::vector<std::string> gather_inputs(const Flags& flags);

// Where each input's result goes: -o for one input alone, or -d with the input's name and another
// ending (".npy"). Refuses two inputs with one output, and an output that is an input. The folder
// is made.
std::vector<std::filesystem::path> output_paths(const Flags& flags,
                                                const std::vector<std::string>& inputs,
                                                const std::string& ending);

}  // namespace fluvox::cli
