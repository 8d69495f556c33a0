#include "runtime/pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/made_models.h"

namespace fluvox::runtime {
namespace {

// Seconds of silence in a sound that is heard from the moment when `prebuffer` seconds of it are
// there, told step by step: pieces come one after the other at `speed`, and are heard at 1.
double silence(double speed, double piece, double length, double prebuffer) {
  const int pieces = static_cast<int>(std::ceil(length / piece - 1e-9));
  const auto made_at = [&](int i) { return std::min((i + 1) * piece, length) / speed; };
  int first = 0;  // the piece that makes the prebuffer full
  while (first + 1 < pieces && (first + 1) * piece < prebuffer - 1e-9) ++first;
  double now = made_at(first), silent = 0;
  for (int i = 0; i < pieces; ++i) {
    const double wait = std::max(0.0, made_at(i) - now);
    silent += wait;
    now += wait + std::min(piece, length - i * piece);
  }
  return silent;
}

TEST(Pace, ThePrebufferIsEnoughAndLittleMoreThanEnough) {
  for (const double speed : {0.1, 0.5, 0.9, 1.0, 1.5, 20.0})
    for (const double piece : {0.01, 0.7, 3.0})
      for (const double length : {0.5, 2.0, 30.0}) {
        const Pace pace{speed, piece};
        const double enough = pace.prebuffer(length);
        EXPECT_NEAR(silence(speed, piece, length, enough), 0, 1e-9)
            << speed << " x, pieces of " << piece << " s, " << length << " s";
        const double beyond = 2 * piece / std::min(speed, 1.0);
        if (const double less = enough - beyond - piece; less > 0.1) {
          EXPECT_GT(silence(speed, piece, length, less), 0)
              << speed << " x, pieces of " << piece << " s, " << length << " s";
        }
      }
}

TEST(Pace, KeepsUpWithATenthToSpare) {
  EXPECT_FALSE((Pace{1.09, 1}.keeps_up()));
  EXPECT_TRUE((Pace{1.11, 1}.keeps_up()));
}

TEST(Pace, IsMeasuredForModelsOfBothKinds) {
  for (const flow::Model& model : {support::small_compact(), support::small_waveglow()}) {
    const Session session(model, {.threads = 1});
    const Pace pace = measure_pace(session, 64);
    EXPECT_GT(pace.x_real_time, 0);
    EXPECT_TRUE(std::isfinite(pace.x_real_time));
    EXPECT_DOUBLE_EQ(pace.piece, 64 * 16 / 22050.0);
  }
}

}  // namespace
}  // namespace fluvox::runtime
