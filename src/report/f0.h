// The pitch of speech, 60 to 500 Hz, a frame every 10 ms, by normalised correlation and a path.
//
//   r(lag) = sum x[i] x[i + lag] / sqrt(sum x[i]^2  sum x[i + lag]^2)   both halves centred on the
//   frame, 30 ms long, of the sound below 1.2 kHz
//
// The peaks of r are a frame's candidates, "unvoiced" one of them; the track is the path that
// costs least, where octave jumps and changes of voicing cost (P. Boersma 1993).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace fluvox::report {

struct PitchTrack {
  double hop = 0.01;         // seconds; frame k is centred at k * hop
  std::vector<float> hertz;  // 0 where unvoiced
};

// Needs a rate of 2000 to 768000 Hz. No sound, no frames. Samples that are not finite count as 0.
PitchTrack track_pitch(std::span<const float> samples, int rate);

// Of the voiced frames; 0 when there are none.
double median_pitch(const PitchTrack& track);
double voiced_share(const PitchTrack& track);

// One frame for every `frames` (> 0): the median of those that are voiced.
PitchTrack coarser(const PitchTrack& track, size_t frames);

}  // namespace fluvox::report
