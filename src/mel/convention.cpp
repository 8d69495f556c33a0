#include "mel/convention.h"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace fluvox::mel {
namespace {

Convention hifigan() {
  Convention c;
  c.name = "hifigan";
  c.centred = false;
  c.power_epsilon = 1e-9;
  return c;
}

Convention bigvgan_44k() {
  Convention c = hifigan();
  c.name = "bigvgan-44k";
  c.sample_rate = 44100;
  c.fft = c.window = 2048;
  c.hop = 512;
  c.bands = 128;
  c.fmax = 22050;
  return c;
}

Convention nemo() {
  Convention c;
  c.name = "nemo";
  c.centred = false;
  c.window_kind = "hann-symmetric";
  return c;
}

Convention parallel_wavegan() {
  Convention c;
  c.name = "parallel-wavegan";
  c.fmin = 80;
  c.fmax = 7600;
  c.log = "log10";
  c.floor = 1e-10;
  c.layout = "frames-bands";
  return c;
}

Convention espnet2() {
  Convention c = parallel_wavegan();
  c.name = "espnet2";
  c.power_floor = 1e-10;
  return c;
}

// 20 log10 x - 20 dB, then -100 .. 0 dB onto -4 .. 4.
Convention coqui() {
  Convention c;
  c.name = "coqui";
  c.fmax = 11025;
  c.log = "db";
  c.floor = 1e-8;
  c.gain = 0.08;
  c.offset = 2.4;
  c.clipped = true;
  c.clip_low = -4;
  c.clip_high = 4;
  return c;
}

// -100 .. 0 dB onto 0 .. 1.
Convention fatchord() {
  Convention c;
  c.name = "fatchord";
  c.fft = 2048;
  c.hop = 275;
  c.window = 1100;
  c.fmin = 40;
  c.fmax = 11025;
  c.log = "db";
  c.gain = 0.01;
  c.offset = 1;
  c.clipped = true;
  c.clip_low = 0;
  c.clip_high = 1;
  return c;
}

Convention vocos() {
  Convention c;
  c.name = "vocos";
  c.sample_rate = 24000;
  c.bands = 100;
  c.fmax = 12000;
  c.scale = "htk";
  c.norm = "none";
  c.floor = 1e-7;
  return c;
}

const std::vector<Convention>& registry() {
  static const std::vector<Convention> all = {
      Convention{}, hifigan(), bigvgan_44k(), nemo(),  parallel_wavegan(),
      espnet2(),    coqui(),   fatchord(),    vocos(),
  };
  return all;
}

// Applies each field's own bounds to a convention that was filled in by hand.
class Checker {
 public:
  explicit Checker(std::string where) : where_(std::move(where)) {}
  template <class T, class Rule = Anything>
  void operator()(const std::string& name, T& value, const char*, const Rule& rule = {}) {
    config::check(where_ + "." + name, value, rule);
  }

 private:
  std::string where_;
};

std::string show(const std::vector<double>& values) {
  return values.empty() ? "none" : text("of ", values.size(), " bands starting at ", values[0]);
}
std::string show(bool value) { return value ? "yes" : "no"; }
// The shortest text that reads back as the same number.
std::string show(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}
template <class T>
std::string show(const T& value) {
  return text(value);
}

// Two conventions are visited one after the other; fields are matched by their order.
class Differ {
 public:
  template <class T, class Rule = Anything>
  void operator()(const std::string& name, T& value, const char*, const Rule& = {}) {
    if (name == "name" || name == "layout") return;
    const Json json(value);
    if (first_) {
      seen_.emplace_back(json, show(value));
      return;
    }
    const auto& [other, shown] = seen_[next_++];
    if (other == json) return;
    differences +=
        (differences.empty() ? "" : ", ") + name + " " + shown + " against " + show(value);
  }
  void second() { first_ = false; }
  std::string differences;

 private:
  std::vector<std::pair<Json, std::string>> seen_;
  size_t next_ = 0;
  bool first_ = true;
};

// Limits mean nothing when nothing is clipped.
void canonical(Convention& c) {
  if (!c.clipped) c.clip_low = c.clip_high = 0;
}

void check_statistics(const Convention& c, const std::string& where) {
  const auto bands = static_cast<size_t>(c.bands);
  if (c.mean.size() != c.deviation.size() || (!c.mean.empty() && c.mean.size() != bands))
    config::refuse(where, text("mean and deviation must both be empty or hold ", bands,
                               " values, found ", c.mean.size(), " and ", c.deviation.size()));
  for (size_t band = 0; band < c.mean.size(); ++band) {
    if (!(std::abs(c.mean[band]) <= 1e6))
      config::refuse(text(where, ".mean[", band, "]"), text("not a usable mean: ", c.mean[band]));
    if (!(c.deviation[band] >= 1e-6 && c.deviation[band] <= 1e6))
      config::refuse(text(where, ".deviation[", band, "]"),
                     text("expected a value from 1e-06 to 1e+06, found ", c.deviation[band]));
  }
}

}  // namespace

const std::vector<std::string>& names() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> list;
    for (const Convention& c : registry()) list.push_back(c.name);
    return list;
  }();
  return all;
}

Convention convention(std::string_view name) {
  for (const Convention& c : registry())
    if (c.name == name) return c;
  std::string listed;
  for (const std::string& known : names()) listed += (listed.empty() ? "" : ", ") + known;
  const std::string_view shown = name.substr(0, 80);
  throw Error(Fault::usage, "convention-unknown",
              text("unknown mel convention '", shown, "'", did_you_mean(shown, names()),
                   "; known are ", listed));
}

void validate(const Convention& c, const std::string& where) {
  Convention copy = c;
  Checker checker(where);
  fields(checker, copy);
  if (c.hop > c.fft) config::refuse(where, text("hop ", c.hop, " is longer than fft ", c.fft));
  if (c.window > c.fft)
    config::refuse(where, text("window ", c.window, " is longer than fft ", c.fft));
  // Other primes would be slow without bound (and KissFFT's body for them is not thread-safe).
  int rest = c.fft;
  for (const int prime : {2, 3, 5})
    while (rest % prime == 0) rest /= prime;
  if (c.fft % 2 != 0 || rest != 1)
    config::refuse(where, text("fft ", c.fft, " must be even and have no prime factor above 5"));
  if (!(c.fmax - c.fmin >= 1))
    config::refuse(where, text("fmax ", c.fmax, " must be at least 1 Hz above fmin ", c.fmin));
  if (c.fmax > c.sample_rate / 2.0)
    config::refuse(where, text("fmax ", c.fmax, " is above half the sample rate ", c.sample_rate));
  if (c.clipped && !(c.clip_low < c.clip_high))
    config::refuse(where, text("clip_low ", c.clip_low, " is not below clip_high ", c.clip_high));
  check_statistics(c, where);
}

Convention convention_from_json(const Json& json, const std::string& where) {
  auto c = from_json<Convention>(json, where);
  validate(c, where);
  return c;
}

std::string describe_difference(const Convention& a, const Convention& b) {
  Convention first = a, other = b;
  canonical(first);
  canonical(other);
  Differ differ;
  fields(differ, first);
  differ.second();
  fields(differ, other);
  return differ.differences;
}

size_t frame_count(const Convention& c, size_t samples) {
  const auto fft = static_cast<int64_t>(c.fft), hop = static_cast<int64_t>(c.hop);
  const int64_t pad = c.centred ? fft / 2 : (fft - hop) / 2;
  const int64_t room = static_cast<int64_t>(samples) + 2 * pad - fft;
  return room < 0 ? 1 : static_cast<size_t>(1 + room / hop);
}

}  // namespace fluvox::mel
