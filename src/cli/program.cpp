#include "cli/program.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "core/atomic_file.h"
#include "core/config.h"
#include "core/error.h"
#include "core/log.h"
#include "core/nearest.h"
#include "core/output.h"
#include "core/signals.h"

namespace fluvox::cli {
namespace {

constexpr int kBadInput = 3;
constexpr int kClosedPipe = 128 + 13;

// Looked at before parsing: a mistake in the flags is reported in the same form.
bool wants_json(int argc, char** argv) {
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i)
    if (std::string_view(argv[i]) == "--json") return true;
  return false;
}

int report(bool json, int exit_code, const std::string& code, const std::string& message) {
  set_status_line("");
  if (!json) {
    log(Level::error, message);
    return exit_code;
  }
  const Json error = {{"error", {{"code", code}, {"message", message}}}};
  put_line(error.dump(-1, ' ', false, Json::error_handler_t::replace));
  return exit_code;
}

bool as_json_without_memory = false;

void say(std::string_view ready) {
  if (::write(STDERR_FILENO, ready.data(), ready.size()) < 0) return;  // nobody listens
}

// The sentence is ready, for nothing can be put together any more.
int report_want_of_memory() {
#define FLUVOX_SENTENCE "this machine has not enough memory for that; shorten the input or split it"
  if (as_json_without_memory) {
    say(R"({"error":{"code":"out-of-memory","message":")" FLUVOX_SENTENCE "\"}}\n");
  } else {
    if (::isatty(STDERR_FILENO) == 1) say("\r\033[K");  // a progress line
    say("error: " FLUVOX_SENTENCE "\n");
  }
#undef FLUVOX_SENTENCE
  return kBadInput;
}

[[noreturn]] void end_for_want_of_memory() {
  try {
    if (std::current_exception()) throw;
  } catch (const std::bad_alloc&) {
    remove_live_temporaries();
    ::_exit(report_want_of_memory());
  } catch (...) {  // a fault of ours
  }
  std::abort();
}

// The names by which an option is given, as typed: "--seed", "-o".
void add_names(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
}

// "--threads N (0)": the value's name, then its default.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(32);
    label("SUBCOMMAND", "COMMAND");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0) return "";
    std::string text = " " + option->get_type_name();
    if (option->get_expected_max() >= CLI::detail::expected_max_vector_size) text += " ...";
    if (!option->get_default_str().empty()) text += " (" + option->get_default_str() + ")";
    if (option->get_required()) text += " (required)";
    return text;
  }
};

}  // namespace

void expect_want_of_memory(int argc, char** argv) {
  as_json_without_memory = wants_json(argc, argv);
  std::set_terminate(end_for_want_of_memory);
}

Program::Program(const std::string& name, const std::string& summary, const std::string& version)
    : app_(summary, name) {
  app_.set_help_flag("-h,--help", "print this help");
  app_.set_version_flag("--version", version, "print the version, the commit and the processor");
  app_.require_subcommand(0, 1);
  app_.footer("Help and examples of a command: " + name + " COMMAND --help");
  app_.formatter(std::make_shared<HelpFormatter>());
}

CLI::App& Program::command(const std::string& name, const std::string& summary,
                           const std::string& examples) {
  CLI::App& command = *app_.add_subcommand(name, summary);
  command.footer("Examples:\n" + examples);
  command.group("Commands");
  return command;
}

void Program::body(CLI::App& command, std::function<int()> work) {
  bodies_[&command] = std::move(work);
}

int Program::run(int argc, char** argv, const std::function<void(int, char**)>& first) {
  const bool json = wants_json(argc, argv);
  install_signal_handlers();
  try {
    if (first) first(argc, argv);
    return parse_and_work(argc, argv);
  } catch (const ClosedPipe&) {
    return kClosedPipe;
  } catch (const Interrupted& stop) {
    return report(json, 128 + stop.signal, "interrupted", "stopped by a signal");
  } catch (const Error& error) {
    return report(json, error.exit_code(), error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return report_want_of_memory();
  } catch (const std::filesystem::filesystem_error& error) {
    return report(json, static_cast<int>(Fault::io), "folder-unreadable",
                  text("cannot read ", error.path1().string(), ": ", error.code().message()));
  } catch (const std::exception& error) {
    return report(json, kBadInput, "internal",
                  text("something that should not happen did: ", error.what()));
  }
}

int Program::parse_and_work(int argc, char** argv) {
  if (argc <= 1) {
    const std::string help = app_.help();
    std::fwrite(help.data(), 1, help.size(), stderr);
    return static_cast<int>(Fault::usage);
  }
  refuse_unknown_command(argc, argv);
  const CLI::App* chosen = nullptr;
  const auto choose = [&] {
    const auto given = app_.get_subcommands();
    chosen = given.empty() ? nullptr : given.front();
  };
  try {
    app_.parse(argc, argv);
    choose();
  } catch (const CLI::CallForHelp&) {
    choose();
    write_stdout(chosen ? chosen->help(app_.get_name()) : app_.help());
    return 0;
  } catch (const CLI::CallForVersion& version) {
    write_stdout(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::ExtrasError& error) {
    choose();
    if (chosen) refuse_extras(*chosen);
    throw Error(Fault::usage, "usage", text(error.what(), hint(nullptr)));
  } catch (const CLI::ParseError& error) {
    choose();
    throw Error(Fault::usage, "usage", text(error.what(), hint(chosen)));
  }
  const auto work = bodies_.find(chosen);
  if (work == bodies_.end())
    throw Error(Fault::usage, "usage", text("expected a command", hint(nullptr)));
  return work->second();
}

void Program::refuse_unknown_command(int argc, char** argv) const {
  const std::string word = argc > 1 ? argv[1] : "";
  std::vector<std::string> names;
  if (word.starts_with("-")) {
    add_names(app_, names);
    if (std::find(names.begin(), names.end(), word) != names.end()) return;
    throw Error(Fault::usage, "flag-unknown",
                text("expected a command, found the flag '", word, "'", did_you_mean(word, names),
                     hint(nullptr)));
  }
  for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), word) != names.end()) return;
  throw Error(Fault::usage, "command-unknown",
              text("unknown command '", word, "'", did_you_mean(word, names), hint(nullptr)));
}

void Program::refuse_extras(const CLI::App& command) const {
  std::vector<std::string> names;
  add_names(command, names);
  for (const std::string& extra : command.remaining()) {
    if (!extra.starts_with("-")) continue;
    const std::string flag = extra.substr(0, extra.find('='));
    throw Error(Fault::usage, "flag-unknown",
                text("unknown flag '", flag, "'", did_you_mean(flag, names), hint(&command)));
  }
  const auto extras = command.remaining();
  throw Error(
      Fault::usage, "usage",
      text("unexpected argument '", extras.empty() ? "" : extras.front(), "'", hint(&command)));
}

std::string Program::hint(const CLI::App* command) const {
  return text("; see ", app_.get_name(), command ? " " + command->get_name() : "", " --help");
}

}  // namespace fluvox::cli
