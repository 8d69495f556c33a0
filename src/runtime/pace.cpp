#include "runtime/pace.h"

#include <algorithm>
#include <chrono>

#include "core/signals.h"

namespace fluvox::runtime {
namespace {

constexpr int kFirstFrames = 4;
constexpr double kEnoughSeconds = 0.25;

}  // namespace

double Pace::prebuffer(double seconds) const {
  const double speed = std::min(x_real_time, 1.0);
  return seconds * (1 - speed) + std::min(2 * piece / speed, seconds);
}

Pace measure_pace(const Session& session, int frames) {
  const mel::Convention& convention = session.convention();
  const auto seconds_of = [&](int count) {
    return static_cast<double>(count) * convention.hop / convention.sample_rate;
  };
  // What the arithmetic costs does not depend on the values.
  const mel::Mel silence =
      session.analyse(std::vector<float>(static_cast<size_t>(frames) * convention.hop, 0.0f));
  Pace pace;
  pace.piece = seconds_of(frames);
  for (int count = std::min(kFirstFrames, frames);; count = std::min(2 * count, frames)) {
    throw_if_interrupted();
    const mel::Mel part = silence.part(0, count);
    if (session.on_gpu()) session.render(part);  // the first of a length makes its graph
    const auto begin = std::chrono::steady_clock::now();
    session.render(part);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    pace.x_real_time = seconds_of(count) / took.count();
    if (count == frames || took.count() > kEnoughSeconds) return pace;
  }
}

}  // namespace fluvox::runtime
