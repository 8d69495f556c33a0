#include "core/progress.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "core/log.h"

namespace fluvox {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

// Ten files, one a second.
std::string ten_files(ProgressMode mode) {
  double now = 100;
  CaptureStdout();
  CaptureStderr();
  {
    Progress progress("render", 10, "files", mode, [&] { return now; });
    for (int done = 1; done <= 10; ++done) {
      now += 1;
      progress.update(done, done == 5 ? "half" : "");
    }
    progress.finish();
    progress.update(3);
    progress.finish();
  }
  EXPECT_EQ(GetCapturedStdout(), "");
  return GetCapturedStderr();
}

TEST(Progress, PlainLinesAtMostEveryFiveSeconds) {
  EXPECT_EQ(ten_files(ProgressMode::lines),
            "render  50%  5/10 files  0:05  eta 0:05  half\n"
            "render  100%  10/10 files  0:10\n"
            "render  100%  10/10 files  0:10\n");
}

TEST(Progress, AutomaticIsPlainWhereThereIsNoTerminal) {
  EXPECT_EQ(ten_files(ProgressMode::automatic), ten_files(ProgressMode::lines));
}

TEST(Progress, NoneIsSilent) { EXPECT_EQ(ten_files(ProgressMode::none), ""); }

TEST(Progress, JsonLines) {
  std::istringstream lines(ten_files(ProgressMode::json));
  std::vector<nlohmann::json> events;
  for (std::string line; std::getline(lines, line);) events.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(events.size(), 11U);
  const nlohmann::json fifth = {
      {"event", "progress"}, {"title", "render"}, {"unit", "files"}, {"done", 5},
      {"total", 10},         {"seconds", 5},      {"eta", 5},        {"note", "half"}};
  EXPECT_EQ(events[4], fifth);
  EXPECT_EQ(events.back()["event"], "finished");
  EXPECT_EQ(events.back()["done"], 10);
}

TEST(Progress, JsonSurvivesTextThatIsNotUtf8AndUnknownTotals) {
  double now = 0;
  CaptureStderr();
  Progress progress("t", 0, "steps", ProgressMode::json, [&] { return now; });
  now = 2;
  progress.update(3, "bad \xff name\n");
  const auto event = nlohmann::json::parse(GetCapturedStderr());
  EXPECT_TRUE(event["total"].is_null());
  EXPECT_TRUE(event["eta"].is_null());
}

TEST(Progress, BarIsRedrawnInPlaceAndWipedAtTheEnd) {
  const std::string out = ten_files(ProgressMode::bar);
  EXPECT_NE(out.find("\r\033[Krender  [############............]  50%  5/10 files"),
            std::string::npos);
  // One line is left: the final one.
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
  EXPECT_NE(out.find("\r\033[Krender  100%  10/10 files  0:10\n"), std::string::npos);
}

TEST(Progress, AnAbandonedBarIsWiped) {
  CaptureStderr();
  { Progress("t", 4, "items", ProgressMode::bar).update(1, "two\nlines"); }
  const std::string out = GetCapturedStderr();
  EXPECT_EQ(out.find('\n'), std::string::npos);
  EXPECT_EQ(out.substr(out.size() - 4), "\r\033[K");
}

TEST(Progress, WhatAnEarlierRunDidIsNoSpeed) {
  double now = 0;
  CaptureStderr();
  Progress progress("train", 100, "steps", ProgressMode::lines, [&] { return now; });
  progress.resume_from(80);
  now = 10;
  progress.update(90);  // ten steps in ten seconds, ten to go
  EXPECT_EQ(GetCapturedStderr(), "train  90%  90/100 steps  0:10  eta 0:10\n");
}

TEST(Progress, Clock) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(59.6), "1:00");
  EXPECT_EQ(clock_text(754), "12:34");
  EXPECT_EQ(clock_text(3723), "1:02:03");
  EXPECT_EQ(clock_text(-5), "0:00");
}

}  // namespace
}  // namespace fluvox
