// A program of commands: parsing, help, and the one place where errors become exit codes.
//
//   expect_want_of_memory(argc, argv);   // first of all
//   Program program("fluvox", "what it is", version_text);
//   CLI::App& command = program.command("mel", "audio to mel files", "  fluvox mel a.wav -o
//   a.npy"); auto flags = std::make_shared<Flags>(); output_flag(command, *flags);
//   program.body(command, [flags] { return 0; });   // 0, or 1 when some items failed
//   return program.run(argc, argv);
//
// Exit codes: 0 ok, 1 some items failed, 2 usage, 3 bad input or model, 4 no device, 5 I/O,
// 130/143 stopped by SIGINT/SIGTERM, 141 the reader of stdout went away. Data goes to stdout;
// messages go to stderr. With --json among the arguments the error that ends a run is one line on
// stderr: {"error":{"code":"model-invalid","message":"..."}}.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <map>
#include <string>

namespace fluvox::cli {

// From here on a program that runs out of memory says so and ends with its exit code, also where
// memory fails in a destructor or in an error's own sentence. What it was writing is removed.
void expect_want_of_memory(int argc, char** argv);

class Program {
 public:
  Program(const std::string& name, const std::string& summary, const std::string& version);

  CLI::App& command(const std::string& name, const std::string& summary,
                    const std::string& examples);
  void body(CLI::App& command, std::function<int()> work);

  // `first` looks at the arguments before they are parsed.
  int run(int argc, char** argv, const std::function<void(int, char**)>& first = {});

 private:
  int parse_and_work(int argc, char** argv);
  void refuse_unknown_command(int argc, char** argv) const;
  [[noreturn]] void refuse_extras(const CLI::App& command) const;
  std::string hint(const CLI::App* command) const;

  CLI::App app_;
  std::map<const CLI::App*, std::function<int()>> bodies_;
};

}  // namespace fluvox::cli
