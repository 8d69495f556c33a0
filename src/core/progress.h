// How far a long run is, on stderr.
//
//   bar    one line redrawn in place:  render  [#####.....]  50%  12/24 files  eta 0:12  note
//   lines  a plain line at most every 5 s (terminals that are none: files, pipes, build logs)
//   json   {"event":"progress","title":..,"unit":..,"done":..,"total":..,"seconds":..,"eta":..,
//           "note":..} at most every second, and once at the end with "event":"finished"
//   automatic   a bar where stderr is a terminal, lines elsewhere
//
// A total of 0 means unknown. Safe to update from any thread.
#pragma once

#include <functional>
#include <mutex>
#include <string>

namespace fluvox {

enum class ProgressMode { automatic, bar, lines, json, none };

class Progress {
 public:
  // Seconds since any fixed moment; tests bring their own.
  using Clock = std::function<double()>;

  Progress(std::string title, double total, std::string unit, ProgressMode mode, Clock clock = {});
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // What an earlier run had done: it counts as done but says nothing about the speed of this one.
  void resume_from(double done);
  void update(double done, const std::string& note = "");
  // The last word; updates after it are dropped.
  void finish(const std::string& note = "");

 private:
  void show(bool last, const std::string& note);
  std::string line(bool bar, double seconds, double eta, const std::string& note) const;

  const std::string title_, unit_;
  const double total_;
  ProgressMode mode_;
  Clock clock_;
  double start_, shown_;
  double done_ = 0, done_before_ = 0;
  bool any_shown_ = false, finished_ = false;
  std::mutex mutex_;
};

// "0:07", "12:34", "1:02:03"
std::string clock_text(double seconds);

}  // namespace fluvox
