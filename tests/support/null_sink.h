// A sound card for tests, made of PulseAudio's null sink: it takes sound at the pace of real time
// and its monitor, recorded, holds every sample that was played. While it lives it is the default
// device of this process and of its children.
//
//   NullSink sink(22050);
//   if (!sink.trouble().empty()) GTEST_SKIP() << sink.trouble();
//   ... play ...
//   EXPECT_TRUE(sink.heard(samples));
//
// Packages: pulseaudio pulseaudio-utils libasound2-plugins.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "support/temp_folder.h"

namespace fluvox::support {

class NullSink {
 public:
  explicit NullSink(int rate) {
    const std::string socket = (folder_ / "native").string();
    const std::string server = "unix:" + socket;
    // The sink first: once the socket is there, so is the sink.
    spill(
        folder_ / "sink.pa",
        text("load-module module-null-sink sink_name=ear channels=1 format=s16le norewinds=1 rate=",
             rate, "\nload-module module-native-protocol-unix auth-anonymous=1 socket=", socket,
             "\n"));
    // Only this: the machine's own ALSA configuration is not read.
    spill(folder_ / "asound.conf",
          text("pcm.!default { type pulse server \"", server, "\" device \"ear\" }\n",
               "ctl.!default { type pulse server \"", server, "\" }\n"));
    for (const char* name : {"HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"})
      set(name, folder_.path().string());
    set("PULSE_SERVER", server);
    set("ALSA_CONFIG_PATH", (folder_ / "asound.conf").string());

    server_ =
        spawn({"pulseaudio", "--daemonize=no", "-n", "--file=" + (folder_ / "sink.pa").string(),
               "--use-pid-file=no", "--exit-idle-time=-1", "--realtime=no", "--high-priority=no"},
              "/dev/null");
    // A program that is not installed, or does not start, has ended; there is nothing to wait for.
    const bool there = eventually([&] {
      if (::waitpid(server_, nullptr, WNOHANG) != 0) server_ = -1;
      return server_ < 0 || std::filesystem::exists(socket);
    });
    if (!there || server_ < 0 || !has_alsa_plugin()) {
      trouble_ =
          "no PulseAudio to play to (packages pulseaudio pulseaudio-utils libasound2-plugins)";
      return;
    }
    recorder_ = spawn({"parec", "--raw", "--device=ear.monitor", "--format=s16le", "--channels=1",
                       "--rate=" + std::to_string(rate), "--latency-msec=20"},
                      recording());
    if (!eventually([&] { return recorded_bytes() > 0; })) {
      trouble_ = "PulseAudio's null sink cannot be recorded";
    }
  }

  ~NullSink() {
    stop(recorder_, SIGTERM);
    stop(server_, SIGKILL);
    for (const auto& [name, value] : before_) {
      if (value.empty()) {
        ::unsetenv(name.c_str());
      } else {
        ::setenv(name.c_str(), value.c_str(), 1);
      }
    }
  }

  // Why there is no sink, or "".
  const std::string& trouble() const { return trouble_; }

  // Whether these samples were heard, in one piece. The recorder may need a moment to catch up.
  bool heard(const std::vector<std::int16_t>& expected) const {
    return eventually([&] {
      const std::vector<std::int16_t> samples = recorded();
      return std::search(samples.begin(), samples.end(), expected.begin(), expected.end()) !=
             samples.end();
    });
  }

  // Everything that was heard so far, silence included.
  std::vector<std::int16_t> recorded() const {
    const std::string bytes = slurp(recording());
    std::vector<std::int16_t> samples(bytes.size() / 2);
    std::memcpy(samples.data(), bytes.data(), samples.size() * 2);
    return samples;
  }

  void kill_server() { stop(server_, SIGKILL); }
  void freeze_server() { ::kill(server_, SIGSTOP); }
  void thaw_server() { ::kill(server_, SIGCONT); }

 private:
  std::string recording() const { return (folder_ / "heard.raw").string(); }

  std::uintmax_t recorded_bytes() const {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(recording(), ignored);
    return ignored ? 0 : size;
  }

  void set(const std::string& name, const std::string& value) {
    const char* const old = std::getenv(name.c_str());
    before_.emplace_back(name, old ? old : "");
    ::setenv(name.c_str(), value.c_str(), 1);
  }

  // ALSA, and with it PortAudio, reaches PulseAudio through a plug-in.
  static bool has_alsa_plugin() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib", ignored)) {
      const auto plugin = entry.path() / "alsa-lib/libasound_module_pcm_pulse.so";
      if (std::filesystem::exists(plugin, ignored)) return true;
    }
    return false;
  }

  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 100; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  static pid_t spawn(const std::vector<std::string>& words, const std::string& output) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that crashes leaves nothing behind
    const int null = ::open("/dev/null", O_WRONLY);
    const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }

  static void stop(pid_t& child, int signal) {
    if (child <= 0) return;
    ::kill(child, signal);
    ::waitpid(child, nullptr, 0);
    child = -1;
  }

  TempFolder folder_;
  std::string trouble_;
  std::vector<std::pair<std::string, std::string>> before_;
  pid_t server_ = -1, recorder_ = -1;
};

}  // namespace fluvox::support
