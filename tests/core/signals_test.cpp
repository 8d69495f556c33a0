#include "core/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/atomic_file.h"
#include "support/temp_folder.h"

namespace fluvox {
namespace {

// What a child process ends with; signals stay out of the test program.
template <class Body>
int exit_status_of(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Signals, TheFirstOneOnlySetsAFlagThatLoopsSee) {
  for (const int signal : {SIGINT, SIGTERM}) {
    EXPECT_EQ(exit_status_of([&] {
                install_signal_handlers();
                throw_if_interrupted();
                if (caught_signal() != 0) ::_exit(1);
                ::raise(signal);
                if (caught_signal() != signal) ::_exit(2);
                try {
                  throw_if_interrupted();
                } catch (const Interrupted& stop) {
                  ::_exit(stop.signal == signal ? 0 : 3);
                }
              }),
              0);
  }
}

TEST(Signals, TheSecondOneAbortsAndLeavesNothingBehind) {
  support::TempFolder folder;
  EXPECT_EQ(exit_status_of([&] {
              install_signal_handlers();
              AtomicFile file(folder / "a");
              ::raise(SIGINT);
              ::raise(SIGINT);
            }),
            130);
  EXPECT_EQ(exit_status_of([&] {
              install_signal_handlers();
              AtomicFile file(folder / "a");
              ::raise(SIGINT);
              ::raise(SIGTERM);
            }),
            143);
  EXPECT_TRUE(folder.names().empty());
}

TEST(Signals, AClosedPipeAndAFullQuotaDoNotKill) {
  EXPECT_EQ(exit_status_of([] {
              install_signal_handlers();
              ::raise(SIGPIPE);
              ::raise(SIGXFSZ);
            }),
            99);
}

TEST(Signals, InterruptedIsNotAnItemsError) {
  EXPECT_FALSE((std::is_base_of_v<std::exception, Interrupted>));
}

}  // namespace
}  // namespace fluvox
