#include "cli/items.h"

#include <chrono>
#include <cstdio>
#include <new>

#include "core/error.h"
#include "core/log.h"
#include "core/output.h"
#include "core/signals.h"

namespace fluvox::cli {
namespace {

struct Tally {
  size_t ok = 0, failed = 0, skipped = 0;
  double audio = 0;  // seconds, of the items that are ok

  std::string sentence(double seconds) const {
    char times[96];
    std::snprintf(times, sizeof times, "%.1f s of audio in %.1f s", audio, seconds);
    std::string out = text(ok, " ok, ", failed, " failed, ", skipped, " skipped; ", times);
    if (audio > 0 && seconds > 0) {
      std::snprintf(times, sizeof times, ", %.3g x real time", audio / seconds);
      out += times;
    }
    return out;
  }

  Json event(double seconds) const {
    Json out = {{"event", "summary"}, {"ok", ok},           {"failed", failed},
                {"skipped", skipped}, {"seconds", seconds}, {"audio_seconds", audio}};
    out["x_real_time"] = audio > 0 && seconds > 0 ? Json(audio / seconds) : Json();
    return out;
  }
};

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

int run_items(const std::string& title, const std::vector<std::string>& inputs, const Flags& flags,
              const std::function<Item(size_t)>& work) {
  return run_items(title, inputs, flags, [&](size_t i, const Share&) { return work(i); });
}

int run_items(const std::string& title, const std::vector<std::string>& inputs, const Flags& flags,
              const std::function<Item(size_t, const Share&)>& work) {
  using Clock = std::chrono::steady_clock;
  Tally tally;
  // However the run ends, it ends with the sum.
  struct Summary {
    const Tally& tally;
    bool json;
    Clock::time_point start = Clock::now();
    ~Summary() {
      set_status_line("");
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (json)
        put_line(dump(tally.event(seconds)));
      else
        info(tally.sentence(seconds));
    }
  } const summary{tally, progress_mode(flags) == ProgressMode::json};
  Progress progress(title, static_cast<double>(inputs.size()), "files", progress_mode(flags));

  for (size_t i = 0; i < inputs.size(); ++i) {
    throw_if_interrupted();
    const auto failed = [&](const std::string& code, const std::string& message) {
      ++tally.failed;
      if (inputs.size() == 1) return false;
      log(Level::error, message);
      if (flags.json)
        write_stdout(
            dump({{"input", inputs[i]}, {"error", {{"code", code}, {"message", message}}}}) + "\n");
      return true;
    };
    try {
      const Item item =
          work(i, [&](double share) { progress.update(static_cast<double>(i) + share); });
      ++(item.skipped ? tally.skipped : tally.ok);
      if (!item.skipped) tally.audio += item.seconds;
      if (flags.json) {
        Json line = {{"input", inputs[i]}};
        line.update(item.result);
        write_stdout(dump(line) + "\n");
      } else if (!item.line.empty()) {
        write_stdout(item.line + "\n");
      } else if (const auto output = item.result.find("output"); output != item.result.end()) {
        write_stdout(output->get<std::string>() + "\n");
      }
    } catch (const Error& error) {
      if (error.fault() != Fault::input || !failed(error.code(), error.what())) throw;
    } catch (const std::bad_alloc&) {
      if (!failed("out-of-memory", inputs[i] + ": not enough memory")) throw;
    }
    progress.update(static_cast<double>(i + 1));
  }
  if (inputs.size() > 1) progress.finish();
  return tally.failed > 0 ? 1 : 0;
}

}  // namespace fluvox::cli
