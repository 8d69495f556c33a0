// Runs a program as a person or a script would, and takes what it says: stdout, stderr, exit code.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/temp_folder.h"

namespace fluvox::support {

struct Ran {
  int exit_code = 0;  // minus the signal where one killed it
  std::string out, err;
};

struct RunWith {
  std::string in{};                  // its stdin
  std::string out{};                 // a file for its stdout, "/dev/full" say; "" captures it
  std::function<void()> in_child{};  // the last thing before it starts: limits, environment
  std::function<void(pid_t)> while_running{};
};

inline Ran run_program(const std::vector<std::string>& command, const RunWith& with = {}) {
  // Through files, so that no full pipe can stop it.
  const TempFolder folder;
  spill(folder / "in", with.in);
  const std::string in = folder / "in", err = folder / "err";
  const std::string out = with.out.empty() ? (folder / "out").string() : with.out;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    const auto attach = [](const std::string& path, int flags, int fd) {
      if (::dup2(::open(path.c_str(), flags, 0600), fd) < 0) ::_exit(126);
    };
    attach(in, O_RDONLY, 0);
    attach(out, O_WRONLY | O_CREAT, 1);
    attach(err, O_WRONLY | O_CREAT, 2);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    if (with.in_child) with.in_child();
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  if (with.while_running) with.while_running(child);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
          with.out.empty() ? slurp(out) : "", slurp(err)};
}

}  // namespace fluvox::support
