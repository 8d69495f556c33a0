#include "cli/items.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/output.h"
#include "core/signals.h"
#include "core/threads.h"

namespace fluvox::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string stdout_line(const std::string& input, const Item& item, bool json) {
  if (json) {
    Json line = {{"input", input}};
    line.update(item.result);
    return dump(line) + "\n";
  }
  if (!item.line.empty()) return item.line + "\n";
  const auto output = item.result.find("output");
  return output == item.result.end() ? "" : output->get<std::string>() + "\n";
}

// What has become of the items, told as they end. Safe from any thread.
class Tally {
 public:
  explicit Tally(const Flags& flags)
      : json_(flags.json),
        json_stderr_(progress_mode(flags) == ProgressMode::json),
        json_summary_(json_stderr_ || (flags.json && !flags.quiet)) {}
  // However the run ends, it ends with the sum, unless there is no memory left to say it.
  ~Tally() {
    try {
      sum_up();
    } catch (const std::bad_alloc&) {
    }
  }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  void sum_up() {
    if (std::exchange(summed_up_, true)) return;
    set_status_line("");
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    if (!json_stderr_) info(sentence(seconds));
    if (json_summary_) put_line(dump(event(seconds)));
  }

  // Returns how many items have ended.
  size_t done(size_t index, const std::string& input, const Item& item) {
    const std::lock_guard lock(mutex_);
    ++(item.skipped ? skipped_ : ok_);
    if (!item.skipped) audio_ += item.seconds;
    return tell(index, stdout_line(input, item, json_));
  }
  size_t failed(size_t index, const std::string& input, const std::string& code,
                const std::string& message, bool unwritable) {
    log(Level::error, message);
    const std::lock_guard lock(mutex_);
    ++failed_;
    unwritable_ = unwritable_ || unwritable;
    const Json line = {{"input", input}, {"error", {{"code", code}, {"message", message}}}};
    return tell(index, json_ ? dump(line) + "\n" : "");
  }
  // The failure that ends the run is told by who catches it.
  void failed_last() {
    const std::lock_guard lock(mutex_);
    ++failed_;
  }

  // The lines of items behind one that never ended.
  void tell_rest() {
    const std::lock_guard lock(mutex_);
    for (auto line = waiting_.begin(); line != waiting_.end(); line = waiting_.erase(line))
      write_stdout(line->second);
  }

  int exit_code() const {
    if (unwritable_) return static_cast<int>(Fault::io);
    return failed_ > 0 ? 1 : 0;
  }

 private:
  size_t tell(size_t index, std::string line) {
    waiting_.emplace(index, std::move(line));
    for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_; ++next_) {
      write_stdout(first->second);
      first = waiting_.erase(first);
    }
    return ok_ + failed_ + skipped_;
  }

  std::string sentence(double seconds) const {
    char times[96];
    std::snprintf(times, sizeof times, "%.1f s of audio in %.1f s", audio_, seconds);
    std::string out = text(ok_, " ok, ", failed_, " failed, ", skipped_, " skipped; ", times);
    if (audio_ > 0 && seconds > 0) {
      std::snprintf(times, sizeof times, ", %.3g x real time", audio_ / seconds);
      out += times;
    }
    return out;
  }

  Json event(double seconds) const {
    Json out = {{"event", "summary"},  {"ok", ok_},          {"failed", failed_},
                {"skipped", skipped_}, {"seconds", seconds}, {"audio_seconds", audio_}};
    out["x_real_time"] = audio_ > 0 && seconds > 0 ? Json(audio_ / seconds) : Json();
    return out;
  }

  const bool json_, json_stderr_, json_summary_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  size_t ok_ = 0, failed_ = 0, skipped_ = 0;
  double audio_ = 0;  // seconds, of the items that are ok
  bool unwritable_ = false, summed_up_ = false;
  size_t next_ = 0;                        // the first item whose line is not out
  std::map<size_t, std::string> waiting_;  // lines that came before their turn
};

}  // namespace

int run_items(const std::string& title, const std::vector<std::string>& inputs, const Flags& flags,
              const std::function<Item(size_t)>& work) {
  return run_items(title, inputs, flags, [&](size_t i, const Share&) { return work(i); });
}

int run_items(const std::string& title, const std::vector<std::string>& inputs, const Flags& flags,
              const std::function<Item(size_t, const Share&)>& work, const Way& way) {
  Tally tally(flags);
  Progress progress(title, static_cast<double>(inputs.size()), "files", progress_mode(flags));
  const auto survives = [&](const Error& error) {
    if (error.fault() == Fault::input) return true;
    return way.outlive_unwritable && error.fault() == Fault::io && error.code() != "disk-full";
  };

  const auto one = [&](size_t i) {
    throw_if_interrupted();
    const Share share = [&](double part) {
      if (way.at_once == 1) progress.update(static_cast<double>(i) + part);
    };
    const bool goes_on = inputs.size() > 1 && !way.stop;
    size_t ended = 0;
    Item item;
    try {
      item = work(i, share);
    } catch (const Error& error) {
      if (!goes_on || !survives(error)) {
        tally.failed_last();
        throw;
      }
      ended = tally.failed(i, inputs[i], error.code(), error.what(), error.fault() == Fault::io);
    } catch (const std::bad_alloc&) {
      if (!goes_on) {
        tally.failed_last();
        throw;
      }
      ended = tally.failed(i, inputs[i], "out-of-memory", inputs[i] + ": not enough memory", false);
    }
    if (ended == 0) ended = tally.done(i, inputs[i], item);
    progress.update(static_cast<double>(ended));
  };
  Threads together(way.at_once);
  try {
    together.run(static_cast<int>(inputs.size()), [&](int i) { one(static_cast<size_t>(i)); });
  } catch (...) {
    tally.tell_rest();
    throw;
  }
  if (inputs.size() > 1) progress.finish();
  tally.sum_up();
  return tally.exit_code();
}

}  // namespace fluvox::cli
