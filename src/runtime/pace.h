// How fast a model renders here and now, and what that means for playing it as it is made.
//
// A sound of L seconds made at s times real time, of which P seconds are there when it begins to be
// heard, never breaks off if at its end the last sample has been made:
//   P >= L (1 - s)          for s < 1; nothing for s >= 1
// Samples come in pieces, though, and the machine has other work. Two pieces' time is kept beyond
// that: while one is being made the other is heard.
//   P = max(0, L (1 - s)) + 2 piece / min(s, 1)
#pragma once

#include "runtime/session.h"

namespace fluvox::runtime {

struct Pace {
  double x_real_time = 0;  // seconds of audio made in a second
  double piece = 0;        // seconds of audio that come at once

  // Whether playing may begin before all is made: with a tenth to spare.
  bool keeps_up() const { return x_real_time >= 1.1; }
  // P for a sound of so many seconds.
  double prebuffer(double seconds) const;
};

// Renders ever longer pieces, up to `frames` as will be asked for, until one takes a quarter of a
// second; by then the processor has come up to speed. About half a second in all.
Pace measure_pace(const Session& session, int frames);

}  // namespace fluvox::runtime
