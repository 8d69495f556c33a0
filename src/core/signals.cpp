#include "core/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "core/atomic_file.h"

namespace fluvox {
namespace {

std::atomic<int> caught{0};
static_assert(std::atomic<int>::is_always_lock_free);
bool on_terminal = false;

// Only async-signal-safe calls from here on.
void handle(int signal) {
  const int saved = errno;
  int none = 0;
  if (!caught.compare_exchange_strong(none, signal)) {
    remove_live_temporaries();
    ::_exit(128 + signal);
  }
  if (on_terminal) {
    constexpr char kNote[] = "\nstopping; once more to abort at once\n";
    if (::write(STDERR_FILENO, kNote, sizeof kNote - 1) < 0) errno = 0;
  }
  errno = saved;
}

}  // namespace

void install_signal_handlers() {
  caught = 0;
  on_terminal = ::isatty(STDERR_FILENO) == 1;
  struct sigaction action {};
  action.sa_handler = handle;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a read that waits for a person or a pipe must return so that the flag is seen.
  action.sa_flags = 0;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  ::sigaction(SIGXFSZ, &action, nullptr);
}

int caught_signal() noexcept { return caught.load(); }

void throw_if_interrupted() {
  if (const int signal = caught.load()) throw Interrupted{signal};
}

}  // namespace fluvox
