#include "core/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/log.h"

namespace fluvox {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double interval(ProgressMode mode) {
  if (mode == ProgressMode::bar) return 0.1;
  return mode == ProgressMode::json ? 1.0 : 5.0;
}

// Counts as 12, amounts as 12.5.
std::string number(double value) {
  const double rounded = std::round(value * 10) / 10;
  return std::abs(rounded) < 1e15 && rounded == std::floor(rounded)
             ? std::to_string(static_cast<long long>(rounded))
             : text(rounded);
}

nlohmann::ordered_json json_number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 9e15) return static_cast<int64_t>(value);
  return std::round(value * 1000) / 1000;
}

}  // namespace

std::string clock_text(double seconds) {
  const auto all = std::llround(std::clamp(seconds, 0.0, 1e9));
  const auto two = [](long long n) { return text(n < 10 ? "0" : "", n); };
  if (all < 3600) return text(all / 60, ":", two(all % 60));
  return text(all / 3600, ":", two(all / 60 % 60), ":", two(all % 60));
}

Progress::Progress(std::string title, double total, std::string unit, ProgressMode mode,
                   Clock clock)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      mode_(mode),
      clock_(clock ? std::move(clock) : steady_seconds) {
  if (mode_ == ProgressMode::automatic)
    mode_ = ::isatty(STDERR_FILENO) == 1 ? ProgressMode::bar : ProgressMode::lines;
  start_ = shown_ = clock_();
}

Progress::~Progress() {
  if (mode_ == ProgressMode::bar && !finished_) set_status_line("");
}

void Progress::resume_from(double done) {
  const std::lock_guard lock(mutex_);
  done_ = done_before_ = done;
}

void Progress::update(double done, const std::string& note) {
  const std::lock_guard lock(mutex_);
  if (finished_ || mode_ == ProgressMode::none) return;
  done_ = done;
  // The first line of a plain log waits its 5 s too: short runs stay silent until their end.
  const bool at_once = !any_shown_ && mode_ != ProgressMode::lines;
  const double now = clock_();
  if (!at_once && now - shown_ < interval(mode_)) return;
  any_shown_ = true;
  shown_ = now;
  show(false, note);
}

void Progress::finish(const std::string& note) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(finished_, true) || mode_ == ProgressMode::none) return;
  show(true, note);
}

std::string Progress::line(bool bar, double seconds, double eta, const std::string& note) const {
  std::string out = title_ + "  ";
  if (total_ > 0) {
    const double share = std::clamp(done_ / total_, 0.0, 1.0);
    if (bar) {
      const auto full = static_cast<size_t>(share * 24);
      out += "[" + std::string(full, '#') + std::string(24 - full, '.') + "]  ";
    }
    out += text(static_cast<int>(share * 100), "%  ", number(done_), "/", number(total_));
  } else {
    out += number(done_);
  }
  out += " " + unit_ + "  " + clock_text(seconds);
  if (std::isfinite(eta) && eta > 0) out += "  eta " + clock_text(eta);
  if (!note.empty()) out += "  " + note;
  return out;
}

void Progress::show(bool last, const std::string& note) {
  const double seconds = clock_() - start_;
  const double done_now = done_ - done_before_;
  const double eta = total_ > 0 && done_now > 0 ? seconds * std::max(0.0, total_ - done_) / done_now
                                                : std::nan("");
  if (mode_ == ProgressMode::json) {
    const nlohmann::ordered_json event = {{"event", last ? "finished" : "progress"},
                                          {"title", title_},
                                          {"unit", unit_},
                                          {"done", json_number(done_)},
                                          {"total", total_ > 0 ? json_number(total_) : nullptr},
                                          {"seconds", json_number(seconds)},
                                          {"eta", json_number(eta)},
                                          {"note", note}};
    put_line(event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else if (mode_ == ProgressMode::bar && !last) {
    // A note with a line break would leave its first half behind on every redraw.
    std::string shown = printable(line(true, seconds, eta, note));
    std::replace(shown.begin(), shown.end(), '\n', ' ');
    set_status_line(shown);
  } else {
    if (mode_ == ProgressMode::bar) set_status_line("");
    info(line(false, seconds, last ? std::nan("") : eta, note));
  }
}

}  // namespace fluvox
