#include "cli/common.h"

#include <CLI/CLI.hpp>
#include <map>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

constexpr size_t kMostListBytes = size_t{256} << 20;
constexpr int kMostThreads = 1024;

[[noreturn]] void refuse(const std::string& what) { throw Error(Fault::usage, "usage", what); }

}  // namespace

void input_flags(CLI::App& command, Flags& flags, const std::string& what) {
  command.add_option("inputs", flags.inputs, what)->type_name("FILE");
  command.add_option("-f,--list", flags.list, "a list of inputs, one a line; - is stdin")
      ->type_name("FILE");
}

void model_flag(CLI::App& command, Flags& flags) {
  command
      .add_option("-m,--model", flags.model, "the model file; the voice in the box when not given")
      ->type_name("FILE");
}

void layout_flag(CLI::App& command, Flags& flags) {
  command.add_option("--layout", flags.layout, "of mel files: auto, bands-frames or frames-bands")
      ->type_name("NAME")
      ->check(CLI::IsMember({"auto", "bands-frames", "frames-bands"}))
      ->capture_default_str();
}

void output_flag(CLI::App& command, Flags& flags, const std::string& what) {
  command.add_option("-o,--output", flags.output, what)->type_name("FILE");
}

void folder_flag(CLI::App& command, Flags& flags, const std::string& what) {
  command.add_option("-d,--folder", flags.folder, what)->type_name("FOLDER");
}

void seed_flag(CLI::App& command, Flags& flags) {
  command.add_option("--seed", flags.seed, "of the noise: one seed, one result, on any machine")
      ->type_name("N")
      ->capture_default_str();
}

void sigma_flag(CLI::App& command, Flags& flags) {
  command.add_option("--sigma", flags.sigma, "scale of the noise; the model's own when not given")
      ->type_name("X")
      ->check(CLI::Range(0.0, 10.0).description(""));
}

void noise_flag(CLI::App& command, Flags& flags) {
  command.add_option("--noise", flags.noise, "noise from a file in place of a seed's")
      ->type_name("FILE.npy");
}

void chunk_flag(CLI::App& command, int& chunk) {
  command
      .add_option("--chunk", chunk,
                  "frames given to the model at a time; never changes a sample; 0: as it suits")
      ->type_name("FRAMES")
      ->check(CLI::Range(0, 1 << 20).description(""))
      ->capture_default_str();
}

void device_flag(CLI::App& command, Flags& flags, const std::string& does) {
  command
      .add_option(
          "--device", flags.device,
          "what " + does + ": cpu, cuda, cuda:N for the N-th GPU, or auto: a GPU where one can")
      ->type_name("NAME")
      ->capture_default_str();
}

void processor_flag(CLI::App& command, Flags& flags) {
  device_flag(command, flags, "renders");
  precision_flag(command, flags);
}

void precision_flag(CLI::App& command, Flags& flags) {
  command
      .add_option("--precision", flags.precision,
                  "what the networks multiply in: fp32; bf16, which is faster and rounds; or, on a "
                  "GPU, fp16")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16"}))
      ->capture_default_str();
}

void threads_flag(CLI::App& command, Flags& flags) {
  command
      .add_option("--threads", flags.threads, "0: one for each core; results never depend on it")
      ->type_name("N")
      ->check(CLI::Range(0, kMostThreads).description(""))
      ->capture_default_str();
}

void encoding_flag(CLI::App& command, Flags& flags) {
  command.add_option("--encoding", flags.encoding, "how samples are stored: s16, s24 or f32")
      ->type_name("NAME")
      ->check(CLI::IsMember({"s16", "s24", "f32"}).description(""))
      ->capture_default_str();
}

void json_flag(CLI::App& command, Flags& flags) {
  command.add_flag("--json", flags.json, "results as JSON on stdout, one line each");
}

void report_flags(CLI::App& command, Flags& flags) {
  command.add_option("--progress", flags.progress, "on stderr: auto, bar, lines, json or none")
      ->type_name("MODE")
      ->check(CLI::IsMember({"auto", "bar", "lines", "json", "none"}).description(""))
      ->each([](const std::string& mode) { set_log_json(mode == "json"); })
      ->capture_default_str();
  command.add_flag_callback(
      "-q,--quiet",
      [&flags] {
        flags.quiet = true;
        set_log_level(Level::warning);
      },
      "warnings and errors only");
  command.add_flag_callback(
      "-v,--verbose", [] { set_log_level(Level::debug); }, "say more");
}

ProgressMode progress_mode(const Flags& flags) {
  if (flags.progress == "json") return ProgressMode::json;
  if (flags.quiet || flags.progress == "none") return ProgressMode::none;
  if (flags.progress == "bar") return ProgressMode::bar;
  return flags.progress == "lines" ? ProgressMode::lines : ProgressMode::automatic;
}

std::vector<std::string> gather_inputs(const Flags& flags) {
  std::vector<std::string> inputs = flags.inputs;
  if (!flags.list.empty()) {
    std::istringstream lines(
        read_file(flags.list == "-" ? "/dev/stdin" : flags.list, kMostListBytes));
    lines.exceptions(std::ios::badbit);  // want of memory is not the end
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) inputs.push_back(line);
    }
  }
  if (inputs.empty()) refuse("expected at least one input, as an argument or in the list of -f");
  return inputs;
}

std::vector<fs::path> output_paths(const Flags& flags, const std::vector<std::string>& inputs,
                                   const std::string& ending) {
  if (flags.output.empty() == flags.folder.empty())
    refuse("expected where to write: either -o FILE for one input or -d FOLDER for any number");
  if (!flags.output.empty()) {
    if (inputs.size() != 1)
      refuse(text("-o takes one input, found ", inputs.size(), "; give -d FOLDER"));
    return {flags.output};
  }
  make_folder(flags.folder);
  std::map<fs::path, std::string> taken;
  std::vector<fs::path> outputs;
  for (const std::string& input : inputs) {
    const fs::path output = fs::path(flags.folder) / fs::path(input).stem().concat(ending);
    const auto [other, fresh] = taken.emplace(output, input);
    if (!fresh)
      refuse(text(other->second, " and ", input, " would both be written to ", output.string(),
                  "; write them into different folders"));
    std::error_code ignored;
    if (fs::equivalent(input, output, ignored))
      refuse(text(input, " would be overwritten by its own result; give another folder"));
    outputs.push_back(output);
  }
  return outputs;
}

}  // namespace fluvox::cli
