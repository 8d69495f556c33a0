// How alike one pitch period and the next are, which is what hoarse and buzzing copies lack.
//
//   r = sum u[i] u[i + T] / sqrt(sum u[i]^2  sum u[i + T]^2)   both halves centred on the frame,
//   30 ms long, their common mean taken off; T is the lag of the pitch, or one within 4% of it
//   where r is greater
//
// The mean of r over the voiced frames of a track, for two signals u:
//   pitch      the sound from 60 to 1200 Hz
//   envelope   |analytic signal| of the sound from 1 to 4 kHz: the pulses of the pitch as the ear
//              hears them there
// Give the recording's track for both the recording and its copy, so that the same frames count.
#pragma once

#include <span>

#include "report/f0.h"

namespace fluvox::report {

struct Periodicity {
  double pitch = 0, envelope = 0;  // NaN where no frame is voiced
};

Periodicity periodicity(std::span<const float> samples, int rate, const PitchTrack& track);

}  // namespace fluvox::report
