// Plays streamed speech for as long as is asked, into a sound device that records it
// (support/null_sink.h), while the producer stalls, the device stalls, and the device goes away.
//
//   fluvox-soak MINUTES [SEED]
//
// After each round what was heard is compared with what the model renders as a whole:
//   - every sample once and in order; silence between them as long as the player says it had none
//     (starved_frames), longer where the device ran dry (underruns) or was itself held up;
//   - of a device that went away: a front part, no shorter than what was played less its buffers.
// At the end memory must be what it was after the first rounds. One line a round; exit status 1
// when something was lost, repeated, or grew.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "audio/encoding.h"
#include "audio/player.h"
#include "core/error.h"
#include "models/registry.h"
#include "runtime/session.h"
#include "runtime/stream.h"
#include "support/null_sink.h"

namespace fluvox {
namespace {

using Clock = std::chrono::steady_clock;
using Samples = std::vector<std::int16_t>;

constexpr int kFirstRounds = 3;          // until caches and pools are as large as they get
constexpr double kMostGrowth = 8 << 20;  // bytes

// Of what is in use: what the allocator merely keeps is given back first.
double resident_bytes() {
  ::malloc_trim(0);
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// What is played for the model's sample: noise of its place is added, so that no stretch of it is
// like another, and it is never 0, so that silence can only be a gap.
float played_for(float x, std::uint64_t place) {
  std::uint64_t hash = (place + 1) * 0x9E3779B97F4A7C15u;
  hash = (hash ^ (hash >> 29)) * 0xBF58476D1CE4E5B9u;
  const float noise = static_cast<float>(hash >> 40) * 0x1p-24f - 0.5f;
  const float sum = 0.4f * std::clamp(std::isfinite(x) ? x : 0, -1.0f, 1.0f) + noise;
  return sum + (sum < 0 ? -0.01f : 0.01f);
}

struct Heard {
  std::size_t samples = 0;                        // of those sent, in order
  std::uint64_t silence = 0;                      // between the first and the last of them
  std::uint64_t lost = 0, losses = 0, wrong = 0;  // samples, stretches of them, and not explained
};

// Walks along both. Where what was heard is not what comes next, it is looked for further on.
Heard compare(const Samples& sent, const Samples& recorded) {
  Heard heard;
  std::size_t next = 0;
  std::uint64_t silence = 0;
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    if (recorded[i] == 0) {
      ++silence;
      continue;
    }
    if (next < sent.size() && recorded[i] != sent[next]) {
      const std::size_t same = std::min<std::size_t>(16, recorded.size() - i);
      const auto from = recorded.begin() + static_cast<std::ptrdiff_t>(i);
      const auto found = std::search(sent.begin() + static_cast<std::ptrdiff_t>(next), sent.end(),
                                     from, from + static_cast<std::ptrdiff_t>(same));
      if (found != sent.end()) {
        const auto at = static_cast<std::size_t>(found - sent.begin());
        heard.lost += at - next;
        ++heard.losses;
        next = at;
      }
    }
    if (next >= sent.size() || recorded[i] != sent[next]) {
      ++heard.wrong;
      continue;
    }
    if (heard.samples > 0) heard.silence += silence;
    silence = 0;
    ++heard.samples;
    ++next;
  }
  return heard;
}

enum class Trouble { producer, held_up, gone };

class Soak {
 public:
  explicit Soak(unsigned seed)
      : random_(seed),
        session_(runtime::made_up_model(models::architecture("compact").build(
                     models::architecture("compact").tiny, mel::Convention{})),
                 {.threads = 2}) {}

  // Whether nothing was lost.
  bool round(int number) {
    const auto kind = random_() % 10;
    const Trouble trouble = kind < 5   ? Trouble::producer
                            : kind < 7 ? Trouble::held_up
                                       : Trouble::gone;
    const mel::Convention& convention = session_.convention();
    support::NullSink sink(convention.sample_rate);
    if (!sink.trouble().empty()) throw std::runtime_error(sink.trouble());
    const mel::Mel mel = some_mel(400 + static_cast<int>(random_() % 2400));
    const runtime::RenderOptions options = {.seed = random_()};
    Samples sent;
    for (const float x : session_.render(mel, options))
      sent.push_back(
          static_cast<std::int16_t>(audio::round_to_bits(played_for(x, sent.size()), 16)));

    bool lost_device = false;
    audio::PlayerStats stats;
    {
      audio::Player player(convention.sample_rate);
      std::jthread device([&](const std::stop_token& stop) { disturb(sink, trouble, stop); });
      try {
        play(mel, options, player, trouble == Trouble::producer);
        player.finish();
      } catch (const Error& error) {
        if (trouble != Trouble::gone || error.code() != "device-lost") throw;
        lost_device = true;
      }
      stats = player.stats();
    }
    const Heard heard = wait_for(sink, sent, lost_device ? 0 : sent.size());
    played_ += stats.frames_played;
    return judge(number, trouble, lost_device, sent.size(), stats, heard);
  }

  std::uint64_t played() const { return played_; }

 private:
  mel::Mel some_mel(int frames) {
    const int bands = session_.convention().bands;
    mel::Mel mel{frames, bands, std::vector<float>(static_cast<size_t>(frames) * bands)};
    std::normal_distribution<float> normal(-5, 1);
    for (float& value : mel.values) value = normal(random_);
    return mel;
  }

  // In pieces of any size; the producer may fall asleep for up to two seconds.
  void play(const mel::Mel& mel, const runtime::RenderOptions& options, audio::Player& player,
            bool stalls) {
    runtime::Stream stream(session_, options);
    std::vector<float> piece(4096);
    std::uint64_t place = 0;
    for (int at = 0; at < mel.frames;) {
      const int to = std::min(mel.frames, at + 1 + static_cast<int>(random_() % 30));
      stream.push({to - at,
                   mel.bands,
                   {mel.values.begin() + std::ptrdiff_t{at} * mel.bands,
                    mel.values.begin() + std::ptrdiff_t{to} * mel.bands}});
      if ((at = to) == mel.frames) stream.finish();
      if (stalls && random_() % 16 == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 2000));
      while (true) {
        const auto part = std::span(piece).first(1 + random_() % piece.size());
        const size_t made = stream.pull(part);
        if (made == 0) break;
        for (size_t i = 0; i < made; ++i) piece[i] = played_for(piece[i], place++);
        player.write(part.first(made));
      }
    }
  }

  void disturb(support::NullSink& sink, Trouble trouble, const std::stop_token& stop) {
    std::mt19937 random(static_cast<unsigned>(played_ + 1));
    const auto pause = [&](unsigned milliseconds) {
      for (unsigned i = 0; i < milliseconds / 20 && !stop.stop_requested(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    };
    while (trouble != Trouble::producer && !stop.stop_requested()) {
      pause(1000 + random() % 8000);
      if (stop.stop_requested()) return;
      if (trouble == Trouble::gone) return sink.kill_server();
      sink.freeze_server();
      pause(100 + random() % 900);
      sink.thaw_server();
    }
  }

  // The recorder may need a moment to catch up.
  static Heard wait_for(const support::NullSink& sink, const Samples& sent, std::size_t samples) {
    Heard heard = compare(sent, sink.recorded());
    for (int i = 0; i < 20 && heard.samples + heard.lost < samples; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      heard = compare(sent, sink.recorded());
    }
    return heard;
  }

  static bool judge(int number, Trouble trouble, bool lost_device, std::size_t sent,
                    const audio::PlayerStats& stats, const Heard& heard) {
    // What a device holds that goes away: its buffer, and the recorder's.
    constexpr std::uint64_t kHeldBack = 22050;
    bool good = heard.wrong == 0 && heard.losses <= stats.underruns;
    if (lost_device) {
      good = good && heard.samples <= stats.frames_played &&
             heard.samples + heard.lost + kHeldBack >= stats.frames_played;
    } else {
      good = good && stats.frames_played == sent && heard.samples + heard.lost == sent;
      // The silence that was reported; more of it only where the device had a hand in it.
      if (stats.underruns == 0 && trouble == Trouble::producer)
        good = good && heard.silence == stats.starved_frames;
    }
    const char* const kinds[] = {"producer stalls", "device stalls", "device goes away"};
    std::printf(
        "%4d  %-16s %-5s sent %8zu played %8llu heard %8zu starved %7llu silence %7llu "
        "underruns %3llu lost %6llu wrong %llu",
        number, kinds[static_cast<int>(trouble)], good ? "good" : "BAD", sent,
        static_cast<unsigned long long>(stats.frames_played), heard.samples,
        static_cast<unsigned long long>(stats.starved_frames),
        static_cast<unsigned long long>(heard.silence),
        static_cast<unsigned long long>(stats.underruns),
        static_cast<unsigned long long>(heard.lost), static_cast<unsigned long long>(heard.wrong));
    return good;
  }

  std::mt19937 random_;
  runtime::Session session_;
  std::uint64_t played_ = 0;
};

int soak(double minutes, unsigned seed) {
  Soak soak(seed);
  const auto start = Clock::now();
  const auto passed = [&] {
    return std::chrono::duration<double>(Clock::now() - start).count() / 60;
  };
  int rounds = 0, bad = 0;
  double at_first = 0, at_last = 0;
  while (passed() < minutes || rounds <= kFirstRounds) {
    bad += !soak.round(++rounds);
    at_last = resident_bytes();
    std::printf("  %.1f MB\n", at_last / (1 << 20));
    std::fflush(stdout);
    if (rounds <= kFirstRounds) at_first = std::max(at_first, at_last);
  }
  const bool grew = at_last > at_first + kMostGrowth;
  std::printf(
      "%.1f minutes, %d rounds, %.1f minutes played, %d bad; memory %.1f MB, then %.1f MB\n",
      passed(), rounds, static_cast<double>(soak.played()) / mel::Convention{}.sample_rate / 60,
      bad, at_first / (1 << 20), at_last / (1 << 20));
  return bad > 0 || grew ? 1 : 0;
}

}  // namespace
}  // namespace fluvox

int main(int argc, char** argv) {
  if (argc < 2 || std::atof(argv[1]) <= 0) {
    std::fprintf(stderr, "usage: fluvox-soak MINUTES [SEED]\n");
    return 2;
  }
  try {
    return fluvox::soak(std::atof(argv[1]),
                        argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fluvox-soak: %s\n", error.what());
    return 1;
  }
}
