// A program that is talked to: lines to its stdin while it runs, lines from its stdout.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace fluvox::support {

class Conversation {
 public:
  explicit Conversation(const std::vector<std::string>& command) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0)
      throw std::runtime_error("cannot make pipes");
    child_ = ::fork();
    if (child_ < 0) throw std::runtime_error("cannot fork");
    if (child_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::dup2(::open("/dev/null", O_WRONLY), 2);
      std::vector<char*> arguments;
      for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~Conversation() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      end();
    }
    hang_up();
    stop_listening();
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  pid_t child() const { return child_; }

  void say(const std::string& line) {
    const std::string bytes = line + "\n";
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t count = ::write(in_, bytes.data() + at, bytes.size() - at);
      if (count <= 0) throw std::runtime_error("it does not listen");
      at += static_cast<size_t>(count);
    }
  }
  // Without the line's end; "" where the program has ended, or says nothing for half a minute.
  std::string hear() {
    while (heard_.find('\n') == heard_.npos) {
      pollfd ready{out_, POLLIN, 0};
      if (::poll(&ready, 1, 30000) <= 0) return "";
      char block[65536];
      const ssize_t count = ::read(out_, block, sizeof block);
      if (count <= 0) return "";
      heard_.append(block, static_cast<size_t>(count));
    }
    const size_t end = heard_.find('\n');
    const std::string line = heard_.substr(0, end);
    heard_.erase(0, end + 1);
    return line;
  }
  void hang_up() {
    if (in_ >= 0) ::close(in_);
    in_ = -1;
  }
  void stop_listening() {
    if (out_ >= 0) ::close(out_);
    out_ = -1;
  }
  // The exit code, or minus the signal that killed it.
  int end() {
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t child_ = -1;
  int in_ = -1, out_ = -1;
  std::string heard_;
};

}  // namespace fluvox::support
