// fluvox serve: a model that stays loaded; requests come on stdin, sound goes out as it is made.
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "audio/encoding.h"
#include "cli/commands.h"
#include "cli/voice.h"
#include "core/base64.h"
#include "core/config.h"
#include "core/error.h"
#include "core/log.h"
#include "core/output.h"
#include "core/signals.h"
#include "runtime/request.h"

namespace fluvox::cli {
namespace {

using runtime::Request;

constexpr int kLookUpMilliseconds = 100;  // from waiting for input, to see whether all is well
constexpr int kChunkFrames = 64;
constexpr size_t kMostWaiting = 4096;
constexpr size_t kMostWaitingValues = size_t{16} << 20;  // of mels in the requests that wait

// stdout is gone: nothing can be answered any more. What it was stands in Server::broken_.
struct Broken {};
struct Cancelled {};

// Two threads: this one reads requests, answers what is wrong with them and cancels; the other
// renders one after the other. Every request that is taken ends with one of done, error and
// cancelled.
class Server {
 public:
  explicit Server(const Flags& flags)
      : flags_(flags),
        session_(open_session(flags)),
        hop_(session_->convention().hop),
        rate_(session_->convention().sample_rate) {}

  int run() {
    write_stdout(dump({{"event", "ready"},
                       {"model", session_->spec().model},
                       {"sample_rate", rate_},
                       {"hop", hop_},
                       {"bands", session_->convention().bands},
                       {"streams", session_->streams()},
                       {"device", session_->device()}}));
    std::thread renderer([this] { render_all(); });
    std::exception_ptr failure;
    try {
      read_all();
    } catch (const Broken&) {
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      if (failure) stop();
    }
    wake_.notify_all();
    renderer.join();
    info(text(ok_, " ok, ", failed_, " failed, ", cancelled_, " cancelled"));
    if (!failure) failure = broken_;
    if (failure) std::rethrow_exception(failure);
    return 0;
  }

 private:
  static std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }

  // From either thread; a line at a time.
  void send(const Json& line) {
    const std::lock_guard lock(output_);
    if (broken_) throw Broken{};
    try {
      write_stdout(dump(line));
    } catch (...) {
      broken_ = std::current_exception();
      gone_ = true;
      throw Broken{};
    }
  }

  void refuse(const std::string& id, const std::string& code, const std::string& message) {
    ++failed_;
    send({{"event", "error"},
          {"id", id.empty() ? Json() : Json(id)},
          {"code", code},
          {"message", message}});
  }

  void tell_cancelled(const std::string& id, int64_t samples) {
    ++cancelled_;
    send({{"event", "cancelled"}, {"id", id}, {"samples", samples}});
  }

  // ---- the reading thread

  void check_health() {
    throw_if_interrupted();
    if (gone_) throw Broken{};
  }

  void read_all() {
    std::string line;
    bool too_long = false;
    const auto end_line = [&] {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      const bool more = too_long ? (refuse_long(), true) : line.empty() || take(line);
      line.clear();
      too_long = false;
      return more;
    };
    std::vector<char> block(1 << 16);
    while (true) {
      check_health();
      pollfd input{STDIN_FILENO, POLLIN, 0};
      if (::poll(&input, 1, kLookUpMilliseconds) <= 0) continue;
      const ssize_t count = ::read(STDIN_FILENO, block.data(), block.size());
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count < 0)
        throw Error(Fault::io, "read-failed",
                    text("cannot read requests from stdin: ", std::strerror(errno)));
      if (count == 0) break;
      std::string_view bytes(block.data(), static_cast<size_t>(count));
      while (!bytes.empty()) {
        const size_t end = bytes.find('\n');
        const std::string_view part = bytes.substr(0, end);
        too_long = too_long || line.size() + part.size() > runtime::kMostRequestBytes;
        if (too_long)
          line.clear();
        else
          line += part;
        if (end == bytes.npos) break;
        if (!end_line()) return;
        bytes.remove_prefix(end + 1);
      }
    }
    end_line();
  }

  void refuse_long() {
    refuse("", "request-too-long",
           text("request: expected a line of at most ", runtime::kMostRequestBytes,
                " bytes, found more: give a long mel as a file"));
  }

  // Whether to go on reading.
  bool take(const std::string& line) {
    std::string id;
    try {
      Request request = runtime::parse_request(line, id);
      if (request.kind == Request::Kind::quit) return false;
      if (request.kind == Request::Kind::cancel)
        cancel(request.id);
      else
        add(std::move(request));
    } catch (const Error& error) {
      refuse(id, error.code(), error.what());
    } catch (const std::bad_alloc&) {
      refuse(id, "out-of-memory", "request: not enough memory");
    }
    return true;
  }

  // Waits for a place where very many requests wait already.
  void add(Request request) {
    std::unique_lock lock(mutex_);
    if (!live_.insert(request.id).second)
      throw Error(Fault::input, "id-taken",
                  text("request: the id ", request.id, " is that of a request at work"));
    while (waiting_.size() >= kMostWaiting ||
           (!waiting_.empty() && waiting_values_ + request.mel.size() > kMostWaitingValues)) {
      place_.wait_for(lock, std::chrono::milliseconds(kLookUpMilliseconds));
      check_health();
    }
    waiting_values_ += request.mel.size();
    waiting_.push_back(std::move(request));
    wake_.notify_one();
  }

  void cancel(const std::string& id) {
    {
      const std::lock_guard lock(mutex_);
      if (!live_.count(id))
        throw Error(Fault::input, "id-unknown",
                    text("cancel: no request ", id, " is waiting or at work"));
      if (at_work_ == id) {
        cancel_ = true;
        return;  // the rendering thread tells
      }
      for (auto found = waiting_.begin(); found != waiting_.end(); ++found) {
        if (found->id != id) continue;
        waiting_values_ -= found->mel.size();
        waiting_.erase(found);
        break;
      }
      live_.erase(id);
    }
    tell_cancelled(id, 0);
  }

  // With mutex_: what waits is dropped, what is at work ends.
  void stop() {
    waiting_.clear();
    cancel_ = true;
  }

  // ---- the rendering thread

  void render_all() {
    try {
      while (true) {
        Request request;
        {
          std::unique_lock lock(mutex_);
          at_work_.clear();
          wake_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
          if (waiting_.empty()) return;
          request = std::move(waiting_.front());
          waiting_.pop_front();
          waiting_values_ -= request.mel.size();
          at_work_ = request.id;
          cancel_ = false;
        }
        place_.notify_one();
        render(request);
      }
    } catch (const Broken&) {
    } catch (...) {
      const std::lock_guard lock(output_);
      broken_ = std::current_exception();
      gone_ = true;
    }
  }

  void render(const Request& request) {
    // From here on its id may be given again.
    const auto end = [&] {
      const std::lock_guard lock(mutex_);
      live_.erase(request.id);
    };
    int64_t made = 0;
    try {
      const Json done = rendered(request, made);
      end();
      ++ok_;
      send(done);
    } catch (const Cancelled&) {
      end();
      tell_cancelled(request.id, made);
    } catch (const Error& error) {
      end();
      refuse(request.id, error.code(), error.what());
    } catch (const std::bad_alloc&) {
      end();
      refuse(request.id, "out-of-memory", text("request ", request.id, ": not enough memory"));
    }
  }

  mel::MelSource mel_of(const Request& request) const {
    if (!request.input.empty()) {
      // A pipe may never end, and stdin is where the requests come from.
      std::error_code ignored;
      const auto kind = std::filesystem::status(request.input, ignored).type();
      if (request.input == "-" || (kind != std::filesystem::file_type::regular &&
                                   kind != std::filesystem::file_type::not_found))
        throw Error(
            Fault::input, "input-no-file",
            text("request ", request.id, ": expected a file as input, found ", request.input));
      return open_input(request.input, *session_, flags_);
    }
    const auto bands = static_cast<size_t>(session_->convention().bands);
    const size_t each = request.bands > 0 ? request.bands : bands;
    if (each != bands || request.mel.size() % bands != 0)
      throw Error(
          Fault::input, "shape-mismatch",
          text("request ", request.id, ": mel: expected frames of ", bands, " bands, found ",
               each != bands ? text("frames of ", each)
                             : text(request.mel.size(), " values in all")));
    return mel::source_of(
        {static_cast<int>(request.mel.size() / bands), static_cast<int>(bands), request.mel});
  }

  // Sends the sound, counting it in `made`; returns the last word.
  Json rendered(const Request& request, int64_t& made) {
    const auto start = std::chrono::steady_clock::now();
    const audio::Encoding encoding =
        audio::parse_encoding(request.encoding.empty() ? flags_.encoding : request.encoding);
    const mel::MelSource mel = mel_of(request);
    const int frames = request.chunk > 0 ? request.chunk : kChunkFrames;
    const auto most = static_cast<size_t>(frames) * static_cast<size_t>(hop_);
    send({{"event", "start"},
          {"id", request.id},
          {"samples", int64_t{mel.frames} * hop_},
          {"sample_rate", rate_},
          {"encoding", std::string(audio::encoding_name(encoding))}});
    size_t clipped = 0;
    const auto check = [&] {
      if (cancel_) throw Cancelled{};
    };
    check();
    render_as_made(*session_, mel,
                   {.seed = request.seed.value_or(flags_.seed),
                    .item = runtime::item_of(request.name),
                    .sigma = request.sigma ? request.sigma : flags_.sigma,
                    .z = {}},
                   session_->streams() ? frames : 0, [&](std::span<const float> fresh) {
                     while (!fresh.empty()) {
                       check();
                       const auto part = fresh.first(std::min(most, fresh.size()));
                       clipped += audio::check_samples(part, static_cast<uint64_t>(made),
                                                       "request " + request.id);
                       std::vector<std::byte> bytes;
                       audio::append_encoded(part, encoding, bytes);
                       send({{"event", "audio"},
                             {"id", request.id},
                             {"offset", made},
                             {"samples", part.size()},
                             {"data", to_base64(bytes)}});
                       made += static_cast<int64_t>(part.size());
                       fresh = fresh.subspan(part.size());
                     }
                   });
    const double took =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double seconds = static_cast<double>(made) / rate_;
    return {{"event", "done"},    {"id", request.id}, {"samples", made},
            {"seconds", seconds}, {"took", took},     {"x_real_time", seconds / took},
            {"clipped", clipped}};
  }

  const Flags& flags_;
  std::unique_ptr<runtime::Session> session_;
  const int hop_, rate_;

  std::mutex output_;  // of stdout and broken_
  std::exception_ptr broken_;
  std::atomic<bool> gone_ = false;  // broken_ is set
  std::atomic<size_t> ok_ = 0, failed_ = 0, cancelled_ = 0;

  std::mutex mutex_;  // of what follows
  std::condition_variable wake_, place_;
  std::deque<Request> waiting_;
  size_t waiting_values_ = 0;
  std::set<std::string> live_;  // ids that wait or are at work
  std::string at_work_;
  bool closing_ = false;
  std::atomic<bool> cancel_ = false;  // what is at work
};

int run(const Flags& flags) { return Server(flags).run(); }

}  // namespace

void add_serve(Program& program) {
  CLI::App& command = program.command(
      "serve", "keep a model loaded and render what is asked for on stdin",
      "  fluvox serve -m voice.safetensors\n"
      "  echo '{\"id\": \"a\", \"input\": \"speech.npy\", \"seed\": 1}' | fluvox serve\n\n"
      "Requests are lines of JSON, and so are the answers on stdout: the sound comes in pieces,\n"
      "as base64, while it is made. {\"cancel\": \"a\"} ends a rendering; {\"quit\": true} or the\n"
      "end of stdin ends the server once all is done. See docs/rendering.md.");
  const auto flags = std::make_shared<Flags>();
  model_flag(command, *flags);
  seed_flag(command, *flags);
  sigma_flag(command, *flags);
  layout_flag(command, *flags);
  encoding_flag(command, *flags);
  processor_flag(command, *flags);
  threads_flag(command, *flags);
  report_flags(command, *flags);
  program.body(command, [flags] { return run(*flags); });
}

}  // namespace fluvox::cli
