// A save that is killed or runs out of space leaves the file that was there, whole.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "flow/safetensors.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

using support::TempFolder;
using testing::ElementsAre;

constexpr int kNoTracing = 77;

Tensors filled_with(float value) {
  Tensors tensors;
  for (const char* name : {"a", "b", "c"})
    tensors[name] = HostTensor::of(std::vector<float>(10, value), {10});
  return tensors;
}

class InterruptedSave : public testing::Test {
 protected:
  InterruptedSave() { write_safetensors(path_, before_, {}); }

  // Runs `prepare` and the save of `after_` in a process of its own, without an exit handler.
  template <class Prepare>
  pid_t start_save(Prepare prepare) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    prepare();
    try {
      write_safetensors(path_, after_, {});
    } catch (const Error& error) {
      ::_exit(error.exit_code());
    }
    ::_exit(0);
  }

  Tensors found() const { return read_safetensors(path_).tensors; }

  TempFolder folder_;
  const std::filesystem::path path_ = folder_ / "m.safetensors";
  const Tensors before_ = filled_with(1), after_ = filled_with(2);
};

void limit_file_size(rlim_t most) {
  const rlimit no_core{0, 0}, limit{most, most};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST_F(InterruptedSave, OutOfSpaceAfterAnyByte) {
  const auto size = std::filesystem::file_size(path_);
  for (size_t most = 0; most <= size; most += most + 7 < size ? 7 : 1) {
    int status = 0;
    const pid_t child = start_save([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      limit_file_size(most);
    });
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), most < size ? 5 : 0) << most;
    ASSERT_EQ(found(), most < size ? before_ : after_) << most;
    ASSERT_THAT(folder_.names(), ElementsAre("m.safetensors"));
  }
}

TEST_F(InterruptedSave, KilledAfterAnyByte) {
  const auto size = std::filesystem::file_size(path_);
  for (size_t most = 0; most < size; most += 7) {
    int status = 0;
    const pid_t child = start_save([&] {
      ::signal(SIGXFSZ, SIG_DFL);
      limit_file_size(most);
    });
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_EQ(WTERMSIG(status), SIGXFSZ);
    ASSERT_EQ(found(), before_) << most;
  }
}

// The save is stopped before and after each of its system calls; at the n-th stop it is killed.
TEST_F(InterruptedSave, KilledAtAnySystemCall) {
  bool ended = false, saw_old = false, saw_new = false;
  for (int n = 0; !ended; ++n) {
    ASSERT_LT(n, 1000);
    write_safetensors(path_, before_, {});
    int status = 0;
    const pid_t child = start_save([] {
      if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kNoTracing);
      ::raise(SIGSTOP);
    });
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoTracing)
      GTEST_SKIP() << "tracing is not allowed here";
    ASSERT_TRUE(WIFSTOPPED(status));
    for (int stop = 0; stop < n && !ended; ++stop) {
      ASSERT_EQ(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr), 0);
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ended = WIFEXITED(status);
    }
    if (!ended) {
      ::kill(child, SIGKILL);
      ASSERT_EQ(::waitpid(child, &status, 0), child);
    }
    const Tensors now = found();
    ASSERT_TRUE(now == before_ || now == after_) << n;
    (now == before_ ? saw_old : saw_new) = true;
  }
  EXPECT_TRUE(saw_old && saw_new);
}

TEST(FullDevice, IsAnIoError) {
  const Error error =
      support::thrown_by([] { write_safetensors("/dev/full", filled_with(1), {}); });
  EXPECT_EQ(error.fault(), Fault::io);
}

}  // namespace
}  // namespace fluvox::flow
