// A sound as its wave: the reach of the samples in every pixel column, their RMS darker within; a
// plain line where samples are fewer than pixels.
#pragma once

#include <span>

#include "report/axes.h"

namespace fluvox::report {

// The range of amplitudes to show: symmetric, a little more than the peak; -1..1 for silence.
Interval wave_range(std::span<const float> samples);

// `samples_across`: how many samples the width of the plane stands for.
void draw_wave(Canvas& canvas, const Plane& plane, std::span<const float> samples,
               double samples_across);

}  // namespace fluvox::report
