#include "core/log.h"

#include <gtest/gtest.h>

namespace fluvox {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

class Log : public testing::Test {
 protected:
  void TearDown() override { set_log_level(Level::info); }
};

TEST_F(Log, LevelsDecideAndStdoutStaysClean) {
  CaptureStdout();
  CaptureStderr();
  debug("hidden");
  info("shown");
  warn("careful");
  set_log_level(Level::error);
  warn("hidden");
  log(Level::error, "broken");
  set_log_level(Level::debug);
  debug("detail");
  EXPECT_EQ(GetCapturedStderr(), "shown\nwarning: careful\nerror: broken\ndebug: detail\n");
  EXPECT_EQ(GetCapturedStdout(), "");
}

TEST_F(Log, TheStatusLineStaysBelow) {
  CaptureStderr();
  set_status_line("50%");
  info("message");
  set_status_line("");
  info("after");
  EXPECT_EQ(GetCapturedStderr(), "\r\033[K50%\r\033[Kmessage\n50%\r\033[Kafter\n");
}

TEST_F(Log, AsJsonEveryMessageIsOneLine) {
  CaptureStderr();
  set_log_json(true);
  warn("two\nlines \"quoted\" \xff");
  set_log_json(false);
  EXPECT_EQ(GetCapturedStderr(),
            "{\"event\":\"log\",\"level\":\"warning\",\"message\":\"two\\nlines \\\"quoted\\\" "
            "\xef\xbf\xbd\"}\n");
}

TEST_F(Log, ForeignTextCannotSteerTheTerminal) {
  CaptureStderr();
  info("file \033]0;owned\a\x7f\r.wav\ttab\nline, caf\xc3\xa9");
  EXPECT_EQ(GetCapturedStderr(), "file ?]0;owned???.wav\ttab\nline, caf\xc3\xa9\n");
}

}  // namespace
}  // namespace fluvox
